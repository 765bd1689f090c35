/**
 * Versions of what is spoken. A peer states a range; the highest version in both ranges is used.
 *
 * Versions are raised so that old and new go on working side by side: every message carries the lowest version that
 * understands it, not the highest that its sender knows, and what a version adds to the model is behind a feature gate
 * (`feature-gates.ts`) until every member understands it.
 */
import { z } from 'zod';
import { QuorateError } from './errors.js';

/** Version that the JSON messages carry whose form is still the first (API, status, events, router messages). */
export const protocolVersion = 1;
/** The versions that this build understands. */
export const supportedVersions: VersionRange = { min: 1, max: 2 };

export const versionRangeSchema = z
  .object({ min: z.int().min(1), max: z.int().min(1) })
  .refine((range) => range.min <= range.max, { error: 'min is greater than max' });
export type VersionRange = { readonly min: number; readonly max: number };

/** The highest version that both sides understand, or null. */
export function agreeVersion(ours: VersionRange, theirs: VersionRange): number | null {
  const version = Math.min(ours.max, theirs.max);
  return version >= Math.max(ours.min, theirs.min) ? version : null;
}

/** The variable that makes a controller or a router act as a build that knew versions only up to this one. */
export const protocolMaxVariable = 'QUORATE_PROTOCOL_MAX';

/**
 * The range that a process speaks: what this build understands, or less where {@link protocolMaxVariable} says so. That is for
 * tests of mixed versions; no flag and no configuration file sets it, and whoever acts by it says so in its log and status.
 * @throws QuorateError `invalid-config`
 */
export function spokenVersions(env: Readonly<Record<string, string | undefined>>): VersionRange {
  const given = env[protocolMaxVariable];
  if (given === undefined) return supportedVersions;
  const max = Number(given);
  const { min } = supportedVersions;
  if (!Number.isSafeInteger(max) || max < min || max > supportedVersions.max) {
    throw new QuorateError(
      'invalid-config',
      `${protocolMaxVariable} is ${JSON.stringify(given)}; this build understands ${min} to ${supportedVersions.max}`,
      { remedy: `Take ${protocolMaxVariable} out of the environment: it is for tests.` },
    );
  }
  return { min, max };
}
