/**
 * Takes out of a line what must not be written: NKey seeds, JWTs, credentials in addresses, and whatever stands under the name
 * of a secret. The code that logs gives none of them; this is for what an error of a library, or a mistake of ours, brings along.
 */
const hidden = '[hidden]';

/** Each with what is put in its place. */
const secrets: readonly (readonly [RegExp, string])[] = [
  // `SU…`, `SA…`, …: a seed in base 32, 58 characters in all.
  [/\bS[ACNOUX][A-Z2-7]{56}\b/g, hidden],
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+/g, hidden],
  [/(:\/\/)[^\s/@"]+@/g, `$1${hidden}@`],
  [/("(?:pass|password|token|seed|secret|nkeySeed|jwt|auth_token)":)"(?:[^"\\]|\\.)*"/gi, `$1"${hidden}"`],
  [/\b((?:pass|password|token|seed|secret|nkeySeed|jwt|auth_token)=)\S+/gi, `$1${hidden}`],
];

export function withoutSecrets(line: string): string {
  return secrets.reduce((text, [pattern, instead]) => text.replace(pattern, instead), line);
}
