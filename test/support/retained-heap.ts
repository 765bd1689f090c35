/**
 * Imported by a process under test (`node --expose-gc --import`): says now and then what its heap still holds after a full
 * collection. What the operating system counts says little of a leak: an engine that has room collects late.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const everyMs = 10_000;
const directory = process.env['QUORATE_TEST_HEAP'];
const collect = (globalThis as { gc?: () => void }).gc;

if (directory !== undefined && collect !== undefined) {
  setInterval(() => {
    collect();
    writeFileSync(join(directory, String(process.pid)), String(process.memoryUsage().heapUsed));
  }, everyMs).unref();
}
