import axe from 'axe-core';

/** What axe finds serious or worse; jsdom draws nothing, so colours are checked by the tokens' test and in the browser. */
export async function seriousFindings(root: Element): Promise<string[]> {
  const { violations } = await axe.run(root, { rules: { 'color-contrast': { enabled: false }, region: { enabled: false } } });
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
