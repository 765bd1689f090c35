/** `quorate verify`: do the members hold the same model? */
import { QuorateError, toQuorateError } from '../../messaging/errors.js';
import { compareModels, minorityOf } from '../../messaging/model-comparison.js';
import { formatPosition } from '../../messaging/position.js';
import { clientSettings, setting } from '../config/common.js';
import { durationMs } from '../config/setting.js';
import { listed } from '../state/format.js';
import { readCluster } from './cluster-view.js';
import { defineCommand } from './command.js';
import { withSession } from './session.js';

export const verifyCommand = defineCommand({
  path: ['verify'],
  summary: 'Compare the models of all members',
  description:
    'Each member hashes its whole model at one position that all of them come to, while writes go on; those that do not come to it in time are named. The leader does the same on a schedule, and at once where a difference is seen here, and raises an alarm that names the minority. Exit code 1 where models differ, or where fewer than two could be compared though there are more.',
  settings: {
    ...clientSettings,
    timeoutMs: setting({
      ...clientSettings.timeoutMs,
      describe: 'How long it may take in all; a million entities take a member some twenty seconds',
      defaultText: '2m',
      schema: durationMs(1, 3_600_000).default(120_000),
    }),
  },
  examples: [
    { comment: 'Do they agree?', line: 'quorate verify' },
    { comment: 'In a script: who is in the minority', line: "quorate verify --json | jq -r '.differing[]'" },
  ],
  jsonShape:
    '{ agree, position, groups: [{ sha256, nodes }], agreeing: [id], differing: [id], missing: [{ node, reason }] }; differing: the minority, or all where there is no majority; position is null where fewer than two were compared',
  async run(context, given) {
    return withSession(context, given, async ({ client }) => {
      const { out, signal } = context;
      const view = await out.during('Asking the controllers', readCluster(client, given.cluster));
      const members = view.rows.filter((row) => row.membership !== 'none');
      if (members.length === 0) throw new QuorateError('no-responders');
      const compared = await out.during(
        'The members hash their models',
        compareModels(
          client,
          members.map((row) => row.id),
          { timeoutMs: given.timeoutMs, signal },
        ),
      );
      const { missing } = compared;
      const { agreeing, differing } = minorityOf(compared);
      const agree =
        compared.groups.length === 1 && (compared.groups[0]?.nodes.length ?? 0) > Math.min(1, members.length - 1);
      // What the leader says in status and events is to be what was just seen: also that it is over.
      const isAlarmed = view.rows.some(({ record }) =>
        record?.status.alarms.some(({ code }) => code === 'model-differs'),
      );
      if (compared.groups.length > 1 || (agree && isAlarmed))
        await client
          .request('model.compare', {})
          .catch((error: unknown) => out.warn(`the leader was not told: ${toQuorateError(error).message}`));
      if (out.json) {
        out.printJson({ agree, position: compared.position, groups: compared.groups, agreeing, differing, missing });
        return agree ? 0 : 1;
      }
      const at = formatPosition(compared.position);
      for (const { node, reason } of missing) out.warn(`${node} was not compared: ${reason}`);
      if (agree) {
        const [group] = compared.groups;
        const nodes = group?.nodes ?? [];
        const said = nodes.length > 1 ? 'hold the same model' : 'is the only member: its model stands';
        out.print(`${out.style('good', '✔')} ${listed(nodes)} ${said} at ${at}`);
        out.print(`  ${out.style('dim', `sha256 ${group?.sha256}`)}`);
        return 0;
      }
      if (compared.groups.length < 2) {
        throw new QuorateError('operation-failed', 'fewer than two members stood at one position', {
          remedy: 'See which members are away or behind with `quorate members`, then try again.',
        });
      }
      out.print(`${out.style('bad', '✖')} the models differ at ${at}`);
      for (const { nodes, sha256 } of compared.groups)
        out.print(`  ${nodes.join(', ')}  ${out.style('dim', `sha256 ${sha256}`)}`);
      throw new QuorateError('models-differ', differenceSentence(agreeing, differing), {
        remedy:
          agreeing.length === 0
            ? undefined
            : `Start a blank controller under a new id, NEW, and let it take that place: ${listed(differing.map((id) => `\`quorate members replace ${id} NEW\``))}.`,
      });
    });
  },
});

function differenceSentence(agreeing: readonly string[], differing: readonly string[]): string {
  if (agreeing.length === 0) return `${listed(differing)} hold different models, and no majority says which is right`;
  return `the model of ${listed(differing)} differs from that of ${listed(agreeing)}`;
}
