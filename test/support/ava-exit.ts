/**
 * Loaded by AVA into each test file's process: once its tests have run, the process ends. A test that failed in the middle
 * leaves connections open, and the whole run would wait a minute for each such file; what it started ends with it anyway.
 */
import { registerCompletionHandler } from 'ava';

registerCompletionHandler(() => process.exit());
