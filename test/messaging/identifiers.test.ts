import test from 'ava';
import { newRequestId, requestIdSchema } from '../../messaging/index.js';

test('request ids are UUIDs of version 7, unlike each other, and sort by the time they were made', (t) => {
  const before = Date.now();
  const ids = Array.from({ length: 1_000 }, newRequestId);
  const after = Date.now();
  t.is(new Set(ids).size, ids.length);
  for (const id of ids) {
    t.regex(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const time = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
    t.true(time >= before && time <= after);
    t.true(requestIdSchema.safeParse(id).success);
  }
});
