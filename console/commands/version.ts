/** `quorate version` */
import { supportedVersions } from '../../messaging/protocol.js';
import { softwareVersion } from '../../messaging/version.js';
import { defineCommand } from './command.js';

export const versionCommand = defineCommand({
  path: ['version'],
  summary: 'Show the version of this program',
  settings: {},
  examples: [{ comment: 'For a bug report', line: 'quorate version' }],
  jsonShape: '{ version, protocol: { min, max }, node, platform }',
  async run({ out }) {
    const found = {
      version: softwareVersion,
      protocol: supportedVersions,
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    };
    if (out.json) out.printJson(found);
    else
      out.print(
        `quorate ${found.version}  ${out.style('dim', `protocol ${found.protocol.min} to ${found.protocol.max}, Node ${found.node}, ${found.platform}`)}`,
      );
  },
});
