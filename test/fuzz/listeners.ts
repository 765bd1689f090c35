/**
 * Who listens where, asked of the nats-server itself: a subscription that nobody thought of is found too, and what was sent
 * counts only where it was delivered.
 */

export interface Listener {
  /** By what name it is connected, e.g. `quorate test n1 lane control`. */
  readonly who: string;
  readonly pattern: string;
  /** Messages that the server has handed to it. */
  readonly delivered: number;
}

interface Connections {
  readonly connections: readonly {
    readonly name?: string;
    readonly subscriptions_list_detail?: readonly { readonly subject: string; readonly msgs: number }[];
  }[];
}

/** Of all connections but those of the test itself. */
export async function listenersOf(monitorUrl: string, ownNames: readonly string[]): Promise<readonly Listener[]> {
  const answer = await fetch(`${monitorUrl}/connz?subs=detail&limit=1000`);
  const { connections } = (await answer.json()) as Connections;
  return connections
    .filter(({ name }) => !ownNames.includes(name ?? ''))
    .flatMap(({ name = '(no name)', subscriptions_list_detail: subscriptions = [] }) =>
      subscriptions.map(({ subject, msgs }) => ({ who: name, pattern: subject, delivered: msgs })),
    );
}

/** Whether a message on `subject` reaches whoever listens to `pattern`. */
export function reaches(subject: string, pattern: string): boolean {
  const [said, heard] = [subject.split('.'), pattern.split('.')];
  const rest = heard.indexOf('>');
  if (rest === -1 ? said.length !== heard.length : said.length <= rest) return false;
  return heard.slice(0, rest === -1 ? undefined : rest).every((token, place) => token === '*' || token === said[place]);
}

/** A subject that reaches `pattern`, where nothing is known of what is said there. */
export function anySubjectOf(pattern: string): string {
  return pattern
    .split('.')
    .map((token) => (token === '*' ? 'x' : token === '>' ? 'x.y' : token))
    .join('.');
}

/** Each pattern that somebody listens to, once. */
export function patternsOf(listeners: readonly Listener[]): readonly string[] {
  return [...new Set(listeners.map(({ pattern }) => pattern))].sort((a, b) => (a < b ? -1 : 1));
}
