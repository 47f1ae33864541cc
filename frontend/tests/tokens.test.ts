import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

type Theme = 'light' | 'dark';

/** The two colours of each token, from the stylesheet itself. */
const css = readFileSync('src/styles/tokens.css', 'utf8');
const tokens = new Map(
  [...css.matchAll(/--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);/g)].map(([, name = '', light = '', dark = '']) => [name, { light, dark }]),
);

function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const channel = parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string, theme: Theme): number {
  const [a, b] = [one, other].map((name) => {
    const token = tokens.get(name);
    if (token === undefined) throw new Error(`there is no token --${name}`);
    return luminance(token[theme]);
  }) as [number, number];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

const GROUNDS = ['canvas', 'paper', 'surface'];
const TEXTS: [text: string, grounds: string[]][] = [
  ['ink', [...GROUNDS, 'surface-subtle', 'blueprint-wash', 'success-wash', 'warning-wash', 'error-wash']],
  ['ink-secondary', [...GROUNDS, 'surface-subtle', 'blueprint-wash', 'success-wash', 'warning-wash', 'error-wash']],
  ['ink-muted', [...GROUNDS, 'surface-subtle', 'blueprint-wash', 'success-wash', 'warning-wash', 'error-wash']],
  ['blueprint', [...GROUNDS, 'surface-subtle', 'blueprint-wash']],
  ['blueprint-strong', [...GROUNDS, 'blueprint-wash']],
  ['success', [...GROUNDS, 'success-wash']],
  ['warning', [...GROUNDS, 'warning-wash']],
  ['error', [...GROUNDS, 'error-wash']],
  ['on-blueprint', ['blueprint', 'blueprint-strong']],
  ['on-error', ['error']],
];

describe.each<Theme>(['light', 'dark'])('the %s theme', (theme) => {
  it.each(TEXTS.flatMap(([text, grounds]) => grounds.map((ground) => [text, ground] as const)))(
    'shows %s on %s with a contrast of at least 4.5',
    (text, ground) => {
      expect(contrast(text, ground, theme)).toBeGreaterThanOrEqual(4.5);
    },
  );

  it.each([...GROUNDS, 'surface-subtle'])('draws the edge of controls on %s with a contrast of at least 3', (ground) => {
    expect(contrast('control', ground, theme)).toBeGreaterThanOrEqual(3);
    expect(contrast('blueprint', ground, theme)).toBeGreaterThanOrEqual(3);
  });
});

describe('the tokens', () => {
  it('are the colours of the specification', () => {
    const wanted = {
      canvas: '#f5f3ee',
      paper: '#fffef9',
      surface: '#fdfcfa',
      'surface-subtle': '#f2f0eb',
      ink: '#1a1a1a',
      'ink-secondary': '#4a4a4a',
      'ink-muted': '#6b6b6b',
      structure: '#c8c6c0',
      control: '#8a8880',
      blueprint: '#3a5a7c',
      success: '#2d5a3d',
      warning: '#8b6914',
      error: '#8b3a3a',
    };
    for (const [name, colour] of Object.entries(wanted)) expect(tokens.get(name)?.light, name).toBe(colour);
  });

  it('are the only place of colours', () => {
    for (const file of ['base', 'components', 'shell']) {
      expect(readFileSync(`src/styles/${file}.css`, 'utf8')).not.toMatch(/#[0-9a-f]{3,8}\b/i);
    }
  });
});
