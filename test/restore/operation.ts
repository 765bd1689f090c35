/** The record of a restore as the state machine goes by it: at the step in which the entry may come. */
import type { Operation } from '../../messaging/index.js';

const impact = { voters: 3, healthyVoters: 3, quorum: 2, failuresSurvived: 1 };

export function restoreOperation(id: string, sha256: string, state: 'running' | 'done'): Operation {
  const step = (name: string, stepState: 'pending' | 'running' | 'done') => ({
    ...{ step: name, title: name, detail: '', startedAt: null, finishedAt: null },
    state: stepState,
  });
  return {
    id,
    parameters: { workflow: 'restore', sha256, sizeBytes: 1, name: 'test' },
    requestedBy: 'test',
    state,
    ...{ startedAt: 1, updatedAt: 1, finishedAt: state === 'done' ? 2 : null, runner: 'a' },
    ...{ findings: [], before: impact, after: impact, verifications: [], error: null },
    steps: [step('pause-writes', 'done'), step('switch', 'running'), step('resume-writes', 'pending')],
  };
}
