/** `quorate status`: is the cluster well, in one sentence, with the reasons and the members. */

import { clientSettings } from '../config/common.js';
import type { Output, Style } from '../output/output.js';
import { watch } from '../output/watch.js';
import { insecurityOf } from '../state/insecurity.js';
import { wrap } from '../state/text.js';
import { gateText } from '../state/version-reasons.js';
import type { Level } from '../theme.js';
import { glyphs } from '../theme.js';
import { type ClusterView, followCluster, readCluster } from './cluster-view.js';
import { defineCommand } from './command.js';
import { memberLines, watchSetting } from './member-table.js';
import { withSession } from './session.js';

export const statusCommand = defineCommand({
  path: ['status'],
  summary: 'Show whether the cluster is healthy, why, and its members',
  description:
    'Exit code 0: healthy, or healthy with warnings. 1: something is wrong that needs somebody now, such as no quorum.',
  settings: { ...clientSettings, watch: watchSetting },
  examples: [
    {
      comment: 'A look at the cluster "demo"',
      line: 'quorate status --nats tls://10.0.0.1:4222 --tls-ca ca.pem --nkey-seed-file alice.seed --as alice --cluster demo',
    },
    { comment: 'Keep looking', line: 'quorate status --watch' },
    { comment: 'In a script: is it healthy?', line: 'quorate status --json | jq -e \'.health.level == "ok"\'' },
  ],
  jsonShape:
    '{ at, cluster, health: { level, sentence, failuresSurvived, reasons: [{ code, level, sentence, remedy, node }] }, controllers: [status] }; with --watch one such object a line',
  async run(context, given) {
    return withSession(context, given, async ({ client, connection }) => {
      const { out, signal } = context;
      if (given.watch) {
        const follower = await followCluster(client, connection, given.cluster);
        await watch(out, { signal, show: async () => shown(out, follower.view()) });
        follower.stop();
        return 0;
      }
      const view = await out.during('Asking the controllers', readCluster(client, given.cluster));
      const { json, lines } = shown(out, view);
      if (out.json) out.printJson(json);
      else out.print(lines.join('\n'));
      return view.health.level === 'bad' ? 1 : 0;
    });
  },
});

const styles: Readonly<Record<Level, Style>> = { ok: 'good', info: 'accent', warn: 'warn', bad: 'bad' };

function shown(out: Output, view: ClusterView): { json: unknown; lines: readonly string[] } {
  const { facts, health } = view;
  const controllers = [...facts.nodes.values()].map((record) => record.status);
  const json = { at: facts.now, cluster: facts.cluster, health, controllers };
  return {
    json,
    lines: [
      ...healthLines(out, view),
      ...(view.rows.length === 0 ? [] : ['', ...memberLines(out, view)]),
      ...gateLines(out, view),
    ],
  };
}

/** The features that a later version brought and the cluster uses: what an older controller could not follow. */
function gateLines(out: Output, { rows }: ClusterView): readonly string[] {
  const gates = rows.find((row) => row.leads)?.record?.status.gates ?? [];
  return gates.length === 0 ? [] : ['', `${out.style('dim', 'Features in use:')} ${gateText(gates)}`];
}

/** The judgement names what is to be done by the keys of the screens; here it is done by commands. */
function asCommands(remedy: string): string {
  return remedy.replaceAll(/(?:enter on \S+, or )?:(join|remove) ([A-Za-z0-9_-]+)/g, 'quorate members $1 $2');
}

/** The sentence, and below it what needs attention with what to do. */
export function healthLines(out: Output, { health, facts }: ClusterView): readonly string[] {
  const width = (out.columns ?? 1000) - 4;
  const head = `${out.style(styles[health.level], glyphs[health.level])} ${out.style('bold', health.sentence)}  ${out.style('dim', `cluster ${facts.cluster}`)}`;
  const reasons = health.reasons.flatMap((reason) => {
    const [first = '', ...rest] = wrap(reason.sentence, width);
    return [
      `  ${out.style(styles[reason.level], glyphs[reason.level])} ${first}`,
      ...rest.map((line) => `    ${line}`),
      ...(reason.remedy === ''
        ? []
        : wrap(asCommands(reason.remedy), width).map((line) => `    ${out.style('dim', line)}`)),
    ];
  });
  const insecurity = insecurityOf(facts);
  const banner = insecurity === null ? [] : [out.style('bad', `${glyphs.bad} ${insecurity}`), ''];
  return [...banner, head, ...reasons];
}
