/** The alert rules and the dashboard that are shipped: every name in them exists, and the rules do what they say. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { z } from 'zod';
import { metrics } from '../../node/server/observe/metrics.js';
import { findTool, toolPath } from '../support/checkout.js';
import { runProcess } from '../support/process.js';
import { dashboardPanels } from './dashboard.js';
import { alertRules, rulesPath } from './metrics-document.js';

const rulesTestPath = path.join(path.dirname(rulesPath), 'quorate.rules.test.yaml');

// Where promtool could not be fetched, AVA shows these tests as skipped.
const withPromtool = findTool('promtool') === undefined ? test.skip : test;

/** Names of series, with the labels that they have. */
const series: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  metrics.flatMap((metric) => {
    const common = ['cluster', 'node', 'job', 'instance'];
    if (metric.type !== 'histogram') return [[metric.name, new Set([...common, ...(metric.labels ?? [])])] as const];
    return ['_bucket', '_sum', '_count'].map((end) => [`${metric.name}${end}`, new Set([...common, 'le'])] as const);
  }),
);

/** What is wrong with the names in an expression. */
function strangersIn(expression: string): readonly string[] {
  return [...expression.matchAll(/\b((?:quorate|process)_\w+)(?:\{([^}]*)\})?/g)].flatMap(
    ([, name = '', selector = '']) => {
      const labels = series.get(name);
      if (labels === undefined) return [name];
      const named = [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label);
      return named.filter((label) => !labels.has(label)).map((label) => `${name}{${label}}`);
    },
  );
}

test('the look for names that do not exist finds them', (t) => {
  t.deepEqual(strangersIn('rate(quorate_no_such_total[5m]) > quorate_raft_role{colour="red"}'), [
    'quorate_no_such_total',
    'quorate_raft_role{colour}',
  ]);
  t.deepEqual(
    strangersIn('quorate_commit_duration_seconds'),
    ['quorate_commit_duration_seconds'],
    'a histogram has no series of its own name',
  );
});

test('every metric and label that a rule names exists', (t) => {
  const rules = alertRules();
  t.true(rules.length >= 15);
  for (const { alert, expr } of rules) t.deepEqual(strangersIn(expr), [], alert);
});

test('every metric and label that the dashboard or the tests of the rules name exists', (t) => {
  const panels = dashboardPanels();
  t.true(panels.length >= 25);
  for (const { title, expressions } of panels) {
    t.true(expressions.length > 0, title);
    for (const expression of expressions) t.deepEqual(strangersIn(expression), [], title);
  }
  for (const line of readFileSync(rulesTestPath, 'utf8').matchAll(/- series: (.*)/g))
    t.deepEqual(strangersIn(line[1] ?? ''), [], line[0]);
});

test('each alert is raised in a test', (t) => {
  const schema = z.object({
    tests: z.array(
      z.object({ alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })) }),
    ),
  });
  const cases = schema.parse(parse(readFileSync(rulesTestPath, 'utf8'))).tests.flatMap((each) => each.alert_rule_test);
  const raised = new Set(cases.filter(({ exp_alerts }) => exp_alerts.length > 0).map(({ alertname }) => alertname));
  t.deepEqual(
    alertRules()
      .map(({ alert }) => alert)
      .filter((alert) => !raised.has(alert)),
    [],
  );
});

withPromtool('promtool finds nothing wrong with the rules, and their tests pass', async (t) => {
  t.timeout(150_000);
  for (const args of [
    ['check', 'rules', rulesPath],
    ['test', 'rules', rulesTestPath],
  ]) {
    const { code, stdout, stderr } = await runProcess(toolPath('promtool'), args, { timeoutMs: 60_000 });
    t.is(code, 0, `${stdout}${stderr}`);
    t.regex(`${stdout}${stderr}`, /SUCCESS/);
  }
});
