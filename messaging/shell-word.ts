/** A word of a command that a message or a remedy names: what is said to be typed can be pasted, whatever a path holds. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
