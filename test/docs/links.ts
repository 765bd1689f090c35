/** The links of the documents, and what may not stand in them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { checkoutRoot } from '../support/checkout.js';

export interface Document {
  /** Relative to the checkout. */
  readonly name: string;
  readonly text: string;
}

/** All Markdown files that belong to the repository, also those that are not committed yet. */
export function documents(): readonly Document[] {
  const names = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
    cwd: checkoutRoot,
    encoding: 'utf8',
  });
  return names
    .split('\n')
    .filter((name) => name !== '' && existsSync(path.join(checkoutRoot, name)))
    .map((name) => ({ name, text: readFileSync(path.join(checkoutRoot, name), 'utf8') }));
}

/** One sentence for each link that leads nowhere. `https://` links are not followed. */
export function brokenLinks(document: Document): readonly string[] {
  return linksIn(document.text).flatMap((target) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [file = '', anchor] = target.split('#');
    const absolute =
      file === '' ? path.join(checkoutRoot, document.name) : path.join(checkoutRoot, path.dirname(document.name), file);
    if (path.relative(checkoutRoot, absolute).startsWith('..'))
      return [`${document.name}: ${target} leads out of the repository`];
    if (!existsSync(absolute)) return [`${document.name}: there is no ${target}`];
    if (anchor === undefined || !absolute.endsWith('.md')) return [];
    return anchorsIn(readFileSync(absolute, 'utf8')).has(anchor)
      ? []
      : [`${document.name}: there is no heading for ${target}`];
  });
}

export function linksIn(text: string): readonly string[] {
  const prose = withoutCode(text);
  const inline = [...prose.matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)].map(([, target = '']) => target);
  const html = [...prose.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, target = '']) => target);
  return [...inline, ...html];
}

/** As GitHub makes them from headings: lower case, spaces to hyphens, everything else that is no word away; repeated ones numbered. */
export function anchorsIn(text: string): ReadonlySet<string> {
  const anchors = new Set<string>([...text.matchAll(/<a id="([^"]+)"/g)].map(([, id = '']) => id));
  const counts = new Map<string, number>();
  for (const [, heading = ''] of withoutBlocks(text).matchAll(/^#{1,6} (.+)$/gm)) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').trim();
    const anchor = words
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const count = counts.get(anchor) ?? 0;
    counts.set(anchor, count + 1);
    anchors.add(count === 0 ? anchor : `${anchor}-${count}`);
  }
  return anchors;
}

/** Where somebody's machine or workplace shows. */
export function tracesOfTheWorkplace({ name, text }: Document): readonly string[] {
  const traces = [/\/(?:work|home|Users|root)\/[a-z]\S*/g, /\/tmp\/\S+/g, /\bfarm-\w+/g];
  return traces.flatMap((trace) => [...text.matchAll(trace)].map(([found]) => `${name}: ${found}`));
}

function withoutBlocks(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '');
}

function withoutCode(text: string): string {
  return withoutBlocks(text).replace(/`[^`\n]*`/g, '');
}
