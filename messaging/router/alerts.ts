/**
 * What a router has to tell the operator, until a leader has taken it: at most one of a kind in a window, bounded, sent one at
 * a time and again until it is answered. Pure.
 */
import { protocolVersion } from '../protocol.js';
import type { RouterAlert } from '../schemas/router.js';
import { routerLimits as limits } from './limits.js';
import type { RouterLogCodeName } from './log-codes.js';

/** What happened that an operator should know, as the application sees it; the same goes to the controllers as an alert. */
export type RouterAlarm = Omit<RouterAlert, 'v' | 'router'>;

export interface NewAlarm extends Omit<RouterAlarm, 'id' | 'code'> {
  readonly code: RouterLogCodeName;
  /** With the code: what counts as the same within one window. */
  readonly kind: string;
}

export interface Alerts {
  /** Waiting for a leader to take them, oldest first. */
  readonly pending: readonly RouterAlert[];
  /** When an alert of a kind was last raised, in milliseconds of the clock handed in. */
  readonly raisedAt: Readonly<Record<string, number>>;
  readonly raised: number;
  /** One was sent and not answered yet. */
  readonly outstanding: boolean;
  /** Failures in a row. */
  readonly attempt: number;
}

export const noAlerts: Alerts = { pending: [], raisedAt: {}, raised: 0, outstanding: false, attempt: 0 };

export interface Raised {
  readonly alerts: Alerts;
  readonly alarm: RouterAlarm;
  /** Whether the oldest had to go. */
  readonly dropped: boolean;
}

/** Null where one of the same kind was raised a short while ago. */
export function raiseAlarm(
  alerts: Alerts,
  { kind, ...given }: NewAlarm,
  by: { readonly router: string; readonly incarnation: number; readonly nowMs: number },
): Raised | null {
  const key = `${given.code}:${kind}`;
  const last = alerts.raisedAt[key];
  if (last !== undefined && by.nowMs - last < limits.alertWindowMs) return null;
  const raised = alerts.raised + 1;
  const alarm: RouterAlarm = {
    ...given,
    id: `${by.incarnation.toString(36)}-${raised.toString().padStart(4, '0')}`.padStart(8, '0'),
    message: given.message.slice(0, 1024),
    details: given.details.slice(0, 16).map((detail) => detail.slice(0, 1024)),
  };
  const dropped = alerts.pending.length >= limits.alertsPendingMax;
  const kept = dropped ? alerts.pending.slice(1) : alerts.pending;
  const pending = [...kept, { v: protocolVersion, router: by.router, ...alarm }];
  return { alerts: { ...alerts, raised, raisedAt: { ...alerts.raisedAt, [key]: by.nowMs }, pending }, alarm, dropped };
}

/** The one to send now, if there is one. */
export function nextToSend(alerts: Alerts): RouterAlert | null {
  return alerts.outstanding ? null : (alerts.pending[0] ?? null);
}

/** After how long the same one is to be sent again, or null: it was taken. */
export function answered(
  alerts: Alerts,
  id: string,
  taken: boolean,
): { readonly alerts: Alerts; readonly retryMs: number | null } {
  if (taken) {
    const pending = alerts.pending.filter((each) => each.id !== id);
    return { alerts: { ...alerts, outstanding: false, attempt: 0, pending }, retryMs: null };
  }
  const retryMs = Math.min(limits.retryWaitMaxMs, limits.retryWaitMinMs * 2 ** alerts.attempt);
  return { alerts: { ...alerts, outstanding: false, attempt: Math.min(alerts.attempt + 1, 32) }, retryMs };
}
