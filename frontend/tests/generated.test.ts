// @vitest-environment node
import { expect, it } from 'vitest';
import { stale } from '../scripts/generate-types.mjs';

it('the generated types are those of the committed OpenAPI documents', async () => {
  expect(await stale()).toEqual([]);
}, 60_000);
