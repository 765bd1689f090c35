/** Versions of what is spoken. A peer states a range; the highest version in both ranges is used. */
import { z } from 'zod';

/** Version of the JSON messages (API, status, events, router messages). */
export const protocolVersion = 1;
/** The versions that this build understands. */
export const supportedVersions: VersionRange = { min: 1, max: 1 };

export const versionRangeSchema = z
  .object({ min: z.int().min(1), max: z.int().min(1) })
  .refine((range) => range.min <= range.max, { error: 'min is greater than max' });
export type VersionRange = { readonly min: number; readonly max: number };

/** The highest version that both sides understand, or null. */
export function agreeVersion(ours: VersionRange, theirs: VersionRange): number | null {
  const version = Math.min(ours.max, theirs.max);
  return version >= Math.max(ours.min, theirs.min) ? version : null;
}
