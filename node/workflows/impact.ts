/** What a cluster can bear, before and after a change of membership. */
import type { Impact, WorkflowParameters } from '../../messaging/index.js';
import { votersOf } from '../raft/index.js';
import { type Facts, isHealthy } from './facts.js';

export function impactOf(voters: number, healthyVoters: number): Impact {
  const quorum = Math.floor(voters / 2) + 1;
  return { voters, healthyVoters, quorum, failuresSurvived: Math.max(0, healthyVoters - quorum) };
}

export function impactNow(facts: Facts): Impact {
  const voters = votersOf(facts.configuration);
  return impactOf(voters.length, voters.filter((id) => isHealthy(facts, id)).length);
}

/** As it would be when the operation has succeeded. */
export function impactAfter(parameters: WorkflowParameters, facts: Facts): Impact {
  const now = impactNow(facts);
  switch (parameters.workflow) {
    case 'join': {
      const isNew = parameters.role === 'voter' && !votersOf(facts.configuration).includes(parameters.node);
      return isNew ? impactOf(now.voters + 1, now.healthyVoters + (facts.probe.type === 'answered' ? 1 : 0)) : now;
    }
    case 'remove': {
      if (!votersOf(facts.configuration).includes(parameters.node)) return now;
      return impactOf(now.voters - 1, now.healthyVoters - (isHealthy(facts, parameters.node) ? 1 : 0));
    }
    case 'replace': {
      if (!votersOf(facts.configuration).includes(parameters.node)) return now;
      const healthy = now.healthyVoters - (isHealthy(facts, parameters.node) ? 1 : 0);
      return impactOf(now.voters, healthy + (facts.probe.type === 'answered' ? 1 : 0));
    }
    case 'promote': {
      if (votersOf(facts.configuration).includes(parameters.node)) return now;
      return impactOf(now.voters + 1, now.healthyVoters + (isHealthy(facts, parameters.node) ? 1 : 0));
    }
    case 'demote': {
      if (!votersOf(facts.configuration).includes(parameters.node)) return now;
      return impactOf(now.voters - 1, now.healthyVoters - (isHealthy(facts, parameters.node) ? 1 : 0));
    }
    case 'transfer':
    case 'upgrade':
    case 'restore':
      return now;
    case 'migrate':
    case 'rollback':
      return impactOf(1, 1);
  }
}
