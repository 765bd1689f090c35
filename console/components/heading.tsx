/** The name of a part of the screen, what is to be known of it as a whole, and a rule to the end. */
import { cells, cutMiddle } from '../state/text.js';
import { Line, type Spans, widthOf } from './line.js';

interface HeadingProps {
  readonly title: string;
  readonly info?: Spans;
  readonly width: number;
  /** The cursor is in this part. */
  readonly active?: boolean;
}

/** Of a title beside information that fills the row. */
const titleWidthMin = 12;

export function headingSpans({ title, info = [], width, active = false }: HeadingProps): Spans {
  // What is known of it is not cut for a long name: the ends of a name tell it from others.
  const room = width - widthOf(info) - 2;
  const left: Spans = [
    {
      text: info.length === 0 ? title : cutMiddle(title, Math.max(titleWidthMin, room)),
      tone: active ? 'heading' : 'strong',
    },
    { text: info.length === 0 ? '' : '  ' },
    ...info,
  ];
  const rule = Math.max(0, width - widthOf(left) - 1);
  return rule < 2 ? left : [...left, { text: ' ' }, { text: '─'.repeat(rule), tone: 'rule' }];
}

/** What a title and what is known of the whole take of the width. */
export function roomTaken(title: string, info: Spans): number {
  return cells(title) + 2 + widthOf(info);
}

export function Heading(props: HeadingProps) {
  return <Line spans={headingSpans(props)} width={props.width} />;
}
