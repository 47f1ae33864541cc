import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.tsx') && !file.includes('test') && !file.includes('development/'));

/** Words between tags, or in attributes that people read or hear. */
const WORDS = />\s*[A-Z][a-z]+[^<>{}]*<\/|(?:aria-label|placeholder|title|alt|label)="[A-Z][a-z]/;

it.each(files)('%s takes its words from the catalogue', (file) => {
  expect(readFileSync(`src/${file}`, 'utf8')).not.toMatch(WORDS);
});
