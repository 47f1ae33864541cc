// Fills the form of a step, as it is drawn from the definition, with an answer.

const minor = (amount, currency) => (['JPY', 'KRW'].includes(currency) ? String(amount) : (amount / 100).toFixed(2));

/** @param {import('./hands.mjs').Hands} hands */
async function fillField(hands, field, value, path, around) {
  const { page } = hands;
  const at = (id) => page.locator(`[id="${id}"]`);
  switch (field.kind) {
    case 'enum':
    case 'currency':
      return hands.choose(at(path), value);
    case 'boolean':
      return hands.tick(page.locator(`[name="${path}"]`));
    case 'amount':
      return hands.fill(at(path), minor(value, around.currency));
    case 'money':
      await hands.fill(at(`${path}.amount`), minor(value.amount_minor, value.currency));
      return hands.choose(at(`${path}.currency`), value.currency);
    case 'date':
      // Typed in the order that the browser's language asks for, which is why it is set as a whole.
      return at(path).fill(value);
    case 'text_list':
      for (const [index, text] of value.entries()) {
        await hands.activate(at(`${path}-add`));
        await hands.fill(at(`${path}.${index}.value`), text);
      }
      return undefined;
    case 'object_list':
      for (const [index, item] of value.entries()) {
        await hands.activate(at(`${path}-add`));
        await fillFields(hands, field.fields, item, `${path}.${index}.`);
      }
      return undefined;
    default:
      return hands.fill(at(path), String(value));
  }
}

async function fillFields(hands, fields, answer, prefix) {
  for (const field of fields) {
    const value = answer[field.name];
    if (value !== undefined && value !== null) await fillField(hands, field, value, prefix + field.name, answer);
  }
}

export function fillStep(hands, step, answer) {
  return fillFields(hands, step.fields, answer, '');
}

/** What is needed of an answer, and no more: required fields, and one item of each list that needs one. */
export function leastOf(fields, answer) {
  const least = {};
  for (const field of fields) {
    const value = answer[field.name];
    if (!field.required || value === undefined) continue;
    if (field.kind === 'object_list') least[field.name] = value.slice(0, Math.max(1, field.min_items)).map((item) => leastOf(field.fields, item));
    else if (field.kind === 'text_list') least[field.name] = value.slice(0, Math.max(1, field.min_items));
    else least[field.name] = value;
  }
  return least;
}

/** Waits until the page says that all is saved. */
export function saved(page, timeout = 15_000) {
  return page.getByTestId('save-state').getByText(/^All changes saved/).waitFor({ timeout });
}
