/** One row of the screen: pieces of text with meanings, drawn as one text node, and again only when it changed. */
import { Text, useIsScreenReaderEnabled } from 'ink';
import { memo } from 'react';
import { cells, cut } from '../state/text.js';
import type { Looks, Tone } from '../theme.js';
import { useTheme } from './theme-context.js';

export interface Span {
  readonly text: string;
  readonly tone?: Tone | undefined;
}
export type Spans = readonly Span[];

export function widthOf(spans: Spans): number {
  return spans.reduce((sum, span) => sum + cells(span.text), 0);
}

/** At most `width` cells, cut in whichever piece the edge falls. */
export function cutSpans(spans: Spans, width: number): Spans {
  const kept: Span[] = [];
  let left = width;
  for (const span of spans) {
    if (left <= 0) break;
    const text = cut(span.text, left);
    kept.push({ ...span, text });
    left -= cells(text);
    if (text !== span.text && cells(span.text) > cells(text)) break;
  }
  return kept;
}

/** `left` at the left, `right` at the right; where both do not fit, the left is cut. */
export function justify(left: Spans, right: Spans, width: number): Spans {
  const taken = widthOf(right);
  if (taken >= width) return cutSpans(right, width);
  const shown = cutSpans(left, Math.max(0, width - taken - (taken > 0 ? 1 : 0)));
  return [...shown, { text: ' '.repeat(width - taken - widthOf(shown)) }, ...right];
}

interface LineProps {
  readonly spans: Spans;
  readonly width: number;
  readonly selected?: boolean;
}

export const Line = memo(function Line(props: LineProps) {
  return useIsScreenReaderEnabled() ? <SpokenLine {...props} /> : <DrawnLine {...props} />;
}, sameLine);

/** What is there to be looked at only is not read out: rules, charts, and the space between columns. */
export function spokenText(spans: Spans): string {
  return spans
    .filter(({ tone }) => tone !== 'rule' && tone !== 'chart')
    .map(({ text }) => text)
    .join('')
    .replaceAll(/\s+/gu, ' ')
    .trim();
}

function SpokenLine({ spans, selected = false }: LineProps) {
  const text = spokenText(spans);
  return text === '' ? null : <Text>{selected ? `selected: ${text.replace(/^▸ ?/u, '')}` : text}</Text>;
}

/** Space looks alike in every tone that has no ground of its own. */
const onlySpace = /^ *$/u;
const hasGround = (tone: Tone): boolean => tone.startsWith('badge') || tone.startsWith('selected');

/** The same to look at in fewer pieces, each of which costs with every frame: half of them are the space between columns. */
export function joinedSpans(spans: Spans): Spans {
  const joined: Span[] = [];
  for (const span of spans) {
    const last = joined.at(-1);
    const tone = span.tone ?? 'plain';
    const before = last?.tone ?? 'plain';
    const alike = tone === before || (onlySpace.test(span.text) && !hasGround(tone) && !hasGround(before));
    if (last !== undefined && alike) joined[joined.length - 1] = { ...last, text: last.text + span.text };
    else joined.push(span);
  }
  return joined;
}

function DrawnLine({ spans, width, selected = false }: LineProps) {
  const theme = useTheme();
  const shown = joinedSpans(cutSpans(spans, width));
  const space = width - widthOf(shown);
  const ground = selected ? theme.selected : undefined;
  // Turned round, each colour would be a background of its own: then the row has one look.
  const looksOf = (tone: Tone): Looks => (ground?.inverse === true ? ground : { ...theme[tone], ...ground });
  // A row without text would have no height; a selected one is filled to its end.
  const tail = selected ? ' '.repeat(space) : shown.length === 0 ? ' ' : '';
  return (
    <Text wrap="truncate">
      {shown.map((span, index) => (
        // The pieces of a row have no identity but their order.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <Text key={index} {...looksOf(span.tone ?? 'plain')}>
          {span.text}
        </Text>
      ))}
      {tail === '' ? null : <Text {...(ground ?? {})}>{tail}</Text>}
    </Text>
  );
}

function sameLine(a: LineProps, b: LineProps): boolean {
  if (a.width !== b.width || a.selected !== b.selected || a.spans.length !== b.spans.length) return false;
  return a.spans.every((span, index) => span.text === b.spans[index]?.text && span.tone === b.spans[index]?.tone);
}
