/** Each check, made to pass, to warn and to fail by the facts alone. */
import test from 'ava';
import { byCodeUnit } from '../../node/model/index.js';
import { evaluate, workflows } from '../../node/workflows/index.js';
import {
  all,
  aloneOf,
  checks,
  healthy,
  join,
  joinLearner,
  remove,
  removeLeader,
  together,
  transfer,
  transferAny,
} from './check-cases.js';

for (const [name, tried] of Object.entries(all)) {
  for (const [outcome, parameters, change, sentence] of tried) {
    test(`${name}: ${outcome}: ${sentence.source}`, (t) => {
      const check = checks.get(name);
      if (check === undefined) throw new Error(`no workflow asks ${name}`);
      const finding = evaluate(check, { ...healthy(parameters), ...change }, parameters);
      t.is(finding.outcome, outcome, finding.sentence);
      t.regex(finding.sentence, sentence);
      t.is(finding.remedy === '', outcome === 'ok', 'a remedy where it is needed, and only there');
      t.is(finding.check, name);
    });
  }
}

test('every check of every workflow is tried here, and made to pass and not to pass', (t) => {
  t.deepEqual(Object.keys(all).toSorted(byCodeUnit), [...checks.keys()].toSorted(byCodeUnit));
  for (const [name, tried] of Object.entries(all)) {
    const outcomes = new Set(tried.map(([outcome]) => outcome));
    t.true(outcomes.has('ok') && outcomes.size > 1, name);
  }
});

test('on a healthy cluster each workflow may run', (t) => {
  for (const parameters of [join, joinLearner, remove, removeLeader, transfer, transferAny]) {
    const facts = healthy(parameters);
    const failures = workflows[parameters.workflow].checks
      .map((check) => evaluate(check, facts, parameters))
      .filter(({ outcome }) => outcome === 'fail');
    t.deepEqual(failures, []);
  }
});

for (const name of Object.keys(all)) {
  test(`${name}: facts make exactly this one not pass, of all the checks of its workflow`, (t) => {
    const alone = aloneOf(name);
    t.deepEqual(alone?.others.toSorted(byCodeUnit), together[name] ?? []);
    const outcomes = new Set(all[name]?.map(([outcome]) => outcome));
    t.is(alone?.finding.outcome, outcomes.has('fail') ? 'fail' : 'warn');
  });
}
