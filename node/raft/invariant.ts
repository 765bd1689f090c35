/** Something that must hold does not: whatever this member would say next could be a lie, so it must stop. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

/** Assertions stay on in production. `text` may be a function where building it costs something. */
export function invariant(condition: boolean, text: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantViolation(typeof text === 'string' ? text : text());
}
