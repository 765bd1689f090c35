/** An archive as every machine can open it: the ustar form of POSIX 1003.1-1988, which is headers of 512 bytes and contents. */
import { Buffer } from 'node:buffer';

export interface ArchivedFile {
  /** Up to 99 bytes of ASCII. */
  readonly name: string;
  readonly content: Buffer;
}

const blockBytes = 512;

/** @throws RangeError where a name does not fit into its header. */
export function tarOf(files: readonly ArchivedFile[], modifiedAt: number): Buffer {
  const parts = files.flatMap(({ name, content }) => [
    headerOf(name, content.length, modifiedAt),
    content,
    Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes),
  ]);
  // Two empty blocks are the end.
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)]);
}

function headerOf(name: string, sizeBytes: number, modifiedAt: number): Buffer {
  if (Buffer.byteLength(name) > 99) throw new RangeError(`too long for an archive: ${name}`);
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  header.write(name, 0, 'utf8');
  header.write(octal(0o600, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(sizeBytes, 11), 124);
  header.write(octal(Math.floor(modifiedAt / 1_000), 11), 136);
  // The checksum counts itself as spaces.
  header.fill(' ', 148, 156);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      6,
    )} `,
    148,
  );
  return header;
}
