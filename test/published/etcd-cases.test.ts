import path from 'node:path';
import test from 'ava';
import { answerQuorum, ConfigurationRunner, expectedQuorum, findCases, readCases } from './etcd-cases.js';

const root = path.join(import.meta.dirname, '../../..');
const cases = findCases(root);
const how =
  'put the package golang-etcd-server-dev, unpacked, into .tools/etcd-cases, or name its folder in ETCD_CASES';

/** As `.ci/run` says it. */
const isCi = process.env.QUORATE_TEST_SUMMARY !== undefined;

if (cases === undefined && isCi) {
  // Where nobody looks, no case at all must not pass for all of them.
  test("etcd's published cases are run in CI", (t) => t.fail(how));
} else if (cases === undefined) {
  test.skip(`etcd's published cases are not here (${how})`, () => {});
} else {
  for (const folder of ['quorum/testdata', 'confchange/testdata']) {
    const files = readCases(path.join(cases, folder));
    test(`${folder} holds cases, and all of them run`, (t) => {
      const count = [...files.values()].reduce((sum, inFile) => sum + inFile.length, 0);
      t.log(`${count} cases in ${files.size} files`);
      t.true(count > 0);
    });
    for (const [file, inFile] of files) {
      test(`etcd's cases of ${folder}/${file}: ${inFile.length}`, (t) => {
        t.true(inFile.length > 0);
        const runner = new ConfigurationRunner();
        for (const one of inFile) {
          const quorum = folder.startsWith('quorum');
          const answer = quorum ? answerQuorum(one) : runner.answer(one);
          t.is(answer, quorum ? expectedQuorum(one) : one.expected, one.place);
        }
      });
    }
  }
}
