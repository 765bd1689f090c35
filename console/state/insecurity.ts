/** Whether anybody could listen to the cluster, or speak in it: what is said on every screen while that is so. */
import { type Lack, lackSentence, lacks } from '../../messaging/security.js';
import type { Reason } from './health-reasons.js';
import type { ClusterFacts } from './members.js';

/** Null where all controllers prove who they are, to NATS servers that do, or nothing leaves the machine. */
export function insecurityOf({ nodes }: Pick<ClusterFacts, 'nodes'>): string | null {
  const open = [...nodes.values()].filter(({ status }) => status.insecure.length > 0);
  if (open.length === 0) return null;
  const missing = lacks.filter((lack: Lack) => open.some(({ status }) => status.insecure.includes(lack)));
  const names = open.map(({ status }) => status.node).sort((a, b) => (a < b ? -1 : 1));
  return `INSECURE: ${names.join(', ')} ${names.length === 1 ? 'uses' : 'use'} NATS ${lackSentence(missing)}`;
}

export function insecureReasons(facts: ClusterFacts): readonly Reason[] {
  const sentence = insecurityOf(facts);
  if (sentence === null) return [];
  return [
    {
      code: 'insecure',
      level: 'warn',
      sentence: `${sentence}: whoever reaches the NATS servers can read and change everything.`,
      remedy: 'Make keys and a configuration with `quorate auth init`, and start the controllers without --insecure.',
      node: null,
    },
  ];
}
