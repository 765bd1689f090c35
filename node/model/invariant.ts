/** What must hold in the state machine. When it does not, this member's model may differ from the others': it must stop. */
export class ModelInvariantViolation extends Error {
  override readonly name = 'ModelInvariantViolation';
}

export function invariant(condition: boolean, text: string | (() => string)): asserts condition {
  if (!condition) throw new ModelInvariantViolation(typeof text === 'string' ? text : text());
}
