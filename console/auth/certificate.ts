/**
 * The two certificates of a deployment: an authority of its own, and what the NATS servers show (X.509 version 3, RFC 5280).
 * Keys and signatures are Node's (ECDSA on P-256 with SHA-256); here is only how a certificate is written down (DER, X.690).
 * Nothing is read: certificates are checked by TLS itself.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { isIP } from 'node:net';

export interface Certificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8: a secret. */
  readonly privateKey: string;
}

const dayMs = 24 * 3_600_000;
/** Changing the authority means giving all clients another file. */
const authorityDays = 3_650;
/** What `quorate auth certificate` renews; no client notices. */
export const serverDays = 730;
/** Clocks differ. */
const backdatedMs = 3_600_000;

const oids = {
  commonName: '2.5.4.3',
  ecPublicKeySha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** `now` in milliseconds since 1970. */
export function makeAuthority(name: string, now: number): Certificate {
  const keys = newKeys();
  const body = certificateBody({
    ...{ issuer: name, subject: name, publicKey: keys.publicKey },
    ...{ notBefore: now - backdatedMs, notAfter: now + authorityDays * dayMs },
    extensions: [
      extension(oids.basicConstraints, sequence(boolean(true), integer(Buffer.from([0]))), true),
      // keyCertSign and cRLSign: bits 5 and 6.
      extension(oids.keyUsage, bits(Buffer.from([0b0000_0110]), 1), true),
      extension(oids.subjectKeyIdentifier, octets(keyIdentifier(keys.publicKey))),
    ],
  });
  return finished(body, keys.privateKey, keys.privateKey);
}

/** For servers that are reached by any of `hosts` (names or addresses); they show it to each other as well. */
export function makeServerCertificate(
  authority: Certificate & { readonly name: string },
  hosts: readonly string[],
  now: number,
): Certificate {
  const keys = newKeys();
  const issuerKey = createPrivateKey(authority.privateKey);
  const body = certificateBody({
    ...{ issuer: authority.name, subject: hosts[0] ?? 'nats-server', publicKey: keys.publicKey },
    ...{ notBefore: now - backdatedMs, notAfter: now + serverDays * dayMs },
    extensions: [
      extension(oids.basicConstraints, sequence(), true),
      // digitalSignature: bit 0.
      extension(oids.keyUsage, bits(Buffer.from([0b1000_0000]), 7), true),
      extension(oids.extendedKeyUsage, sequence(oid(oids.serverAuth), oid(oids.clientAuth))),
      extension(oids.subjectAltName, sequence(...hosts.map(alternativeName))),
      extension(oids.subjectKeyIdentifier, octets(keyIdentifier(keys.publicKey))),
      extension(oids.authorityKeyIdentifier, sequence(tagged(0x80, keyIdentifier(publicKeyOf(issuerKey))))),
    ],
  });
  return finished(body, issuerKey, keys.privateKey);
}

interface Keys {
  readonly publicKey: Buffer;
  readonly privateKey: KeyObject;
}

function newKeys(): Keys {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

/** As it stands in a certificate (SubjectPublicKeyInfo): Node writes it so. */
function publicKeyOf(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
}

interface Body {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: Buffer;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: readonly Buffer[];
}

/** TBSCertificate, RFC 5280 section 4.1. */
function certificateBody({ issuer, subject, publicKey, notBefore, notAfter, extensions }: Body): Buffer {
  const version3 = tagged(0xa0, integer(Buffer.from([2])));
  // 20 octets at most, positive, unpredictable (section 4.1.2.2).
  const serial = randomBytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0);
  return sequence(
    version3,
    integer(serial),
    signatureAlgorithm,
    commonName(issuer),
    sequence(time(notBefore), time(notAfter)),
    commonName(subject),
    publicKey,
    tagged(0xa3, sequence(...extensions)),
  );
}

function finished(body: Buffer, issuerKey: KeyObject, ownKey: KeyObject): Certificate {
  const signature = sign('sha256', body, issuerKey);
  const certificate = sequence(body, signatureAlgorithm, bits(signature, 0));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    privateKey: ownKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** Method 1 of RFC 5280, section 4.2.1.2: SHA-1 of the bits of the key, which stand behind 26 bytes that are the same for each. */
function keyIdentifier(publicKey: Buffer): Buffer {
  return createHash('sha1').update(publicKey.subarray(26)).digest();
}

function commonName(name: string): Buffer {
  return sequence(tagged(0x31, sequence(oid(oids.commonName), tagged(0x0c, Buffer.from(name.slice(0, 64), 'utf8')))));
}

function alternativeName(host: string): Buffer {
  return isIP(host) === 0 ? tagged(0x82, Buffer.from(host, 'latin1')) : tagged(0x87, addressBytes(host));
}

function addressBytes(host: string): Buffer {
  if (isIP(host) === 4) return Buffer.from(host.split('.').map(Number));
  // What stands on either side of `::`, and as many zeros between as make eight groups.
  const [head = '', tail] = host.split('::');
  const groups = (text: string | undefined): readonly string[] =>
    text === undefined || text === '' ? [] : text.split(':');
  const left = groups(head);
  const right = groups(tail);
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const all = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

// ------------------------------------------------------------------------------------------------------------------ DER

function tagged(tag: number, content: Uint8Array): Buffer {
  const length =
    content.length < 0x80
      ? Buffer.from([content.length])
      : content.length < 0x100
        ? Buffer.from([0x81, content.length])
        : Buffer.from([0x82, content.length >> 8, content.length & 0xff]);
  return Buffer.concat([Buffer.from([tag]), length, content]);
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function integer(bytes: Uint8Array): Buffer {
  return tagged(0x02, bytes);
}

function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.from([value ? 0xff : 0]));
}

function octets(bytes: Uint8Array): Buffer {
  return tagged(0x04, bytes);
}

function bits(bytes: Uint8Array, unused: number): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([unused]), bytes]));
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((number) => {
    const digits = [number & 0x7f];
    for (let left = number >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return tagged(0x06, Buffer.from(bytes));
}

/** UTCTime until 2049, GeneralizedTime after (section 4.1.2.5). */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  return Number(digits.slice(0, 4)) < 2050
    ? tagged(0x17, Buffer.from(digits.slice(2), 'latin1'))
    : tagged(0x18, Buffer.from(digits, 'latin1'));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));
}

const signatureAlgorithm = sequence(oid(oids.ecPublicKeySha256));
