/** A log entry as a row, and its checksum. What the checksum covers: index, term, type and data, so that no row can stand in for another. */
import { crc32 } from 'node:zlib';
import { decode, encode } from '@msgpack/msgpack';
import { QuorateError } from '../../messaging/errors.js';
import type { ConfChange, Entry, Index } from '../raft/types.js';

/** In the order of the columns: index, term, type, data, checksum. */
export type EntryRow = [idx: number, term: number, type: number, data: Uint8Array, crc: number];

const typeCodes = { normal: 0, configuration: 1, empty: 2 } as const;
const noData = Buffer.alloc(0);
const header = Buffer.alloc(17);

export function checksumOf(index: Index, term: number, type: number, data: Uint8Array): number {
  header.writeDoubleLE(index, 0);
  header.writeDoubleLE(term, 8);
  header.writeUInt8(type, 16);
  return crc32(data, crc32(header));
}

/** What an entry counts against a bound in bytes. */
export function dataBytesOf(entry: Entry): number {
  switch (entry.type) {
    case 'normal':
      return entry.data.length;
    case 'configuration':
      return encode(entry.change, { ignoreUndefined: true }).length;
    case 'empty':
      return 0;
  }
}

export function toRow(entry: Entry): EntryRow {
  const type = typeCodes[entry.type];
  const data = dataOf(entry);
  return [entry.index, entry.term, type, data, checksumOf(entry.index, entry.term, type, data)];
}

function dataOf(entry: Entry): Uint8Array {
  switch (entry.type) {
    case 'normal':
      return entry.data;
    case 'configuration':
      return encode(entry.change, { ignoreUndefined: true });
    case 'empty':
      return noData;
  }
}

/** Throws `damaged`, with the index in its details, where the checksum does not fit. */
export function fromRow(row: EntryRow): Entry {
  const [index, term, type, bytes, crc] = row;
  if (checksumOf(index, term, type, bytes) !== crc) throw damagedEntry(index, 'its checksum does not fit');
  // SQLite gives a Buffer; an entry holds plain bytes, wherever it was read.
  const data = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (type) {
    case typeCodes.normal:
      return { type: 'normal', term, index, data };
    case typeCodes.configuration:
      // The checksum says that these are the bytes that `toRow` wrote.
      return { type: 'configuration', term, index, change: decode(data) as ConfChange };
    case typeCodes.empty:
      return { type: 'empty', term, index };
    default:
      throw damagedEntry(index, `it has the unknown type ${type}`);
  }
}

export function damagedEntry(index: Index, why: string): QuorateError {
  return new QuorateError('damaged', `Entry ${index} of the log is damaged: ${why}.`, { details: { index } });
}
