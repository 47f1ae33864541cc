// Two ways to use a page: with a pointer, or with the keyboard alone.

const MOST_TABS = 400;

class Hands {
  constructor(page) {
    this.page = page;
  }

  /** Presses what has this role and name. */
  async press(role, name, within = this.page) {
    await this.activate(within.getByRole(role, { name }).first());
  }

  async type(label, text, within = this.page) {
    await this.fill(within.getByLabel(label).first(), text);
  }
}

export class Pointer extends Hands {
  activate(target) {
    return target.click();
  }

  fill(target, text) {
    return target.fill(text);
  }

  choose(target, value) {
    return target.selectOption(value);
  }

  tick(target) {
    return target.check();
  }
}

export class Keyboard extends Hands {
  /** Walks with Tab until the target has the focus: what cannot be reached so cannot be used. */
  async reach(target) {
    await target.waitFor({ state: 'visible' });
    const handle = await target.elementHandle();
    const has = () => handle.evaluate((element) => document.activeElement === element);
    for (let tabs = 0; tabs < MOST_TABS; tabs += 1) {
      if (await has()) return;
      await this.page.keyboard.press('Tab');
    }
    throw new Error(`the keyboard does not reach ${target}`);
  }

  async activate(target) {
    await this.reach(target);
    await this.page.keyboard.press('Enter');
  }

  async fill(target, text) {
    await this.reach(target);
    await this.page.keyboard.press('Control+A');
    await this.page.keyboard.press('Delete');
    await this.page.keyboard.type(text);
  }

  async choose(target, value) {
    await this.reach(target);
    const index = await target.evaluate((select, wanted) => Array.from(select.options).findIndex((option) => option.value === wanted), value);
    await this.page.keyboard.press('Home');
    for (let step = 0; step < index; step += 1) await this.page.keyboard.press('ArrowDown');
  }

  async tick(target) {
    await this.reach(target);
    if (!(await target.isChecked())) await this.page.keyboard.press('Space');
  }
}
