/** The version of this build, as package.json says. */
import { createRequire } from 'node:module';

const packageJson = createRequire(import.meta.url)('../../package.json') as { readonly version: string };

export const softwareVersion: string = packageJson.version;
