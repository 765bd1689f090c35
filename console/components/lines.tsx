/** Rows below each other, exactly as many as there is room for. */
import { Box } from 'ink';
import { Line, type Spans } from './line.js';

interface LinesProps {
  readonly lines: readonly Spans[];
  readonly width: number;
  readonly height: number;
  /** First line shown; a text shorter than the room for it does not scroll. */
  readonly top?: number;
}

export function Lines({ lines, width, height, top = 0 }: LinesProps) {
  const from = Math.max(0, Math.min(top, lines.length - height));
  return (
    <Box flexDirection="column" width={width} height={height}>
      {lines.slice(from, from + height).map((spans, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row of the screen is its place
        <Line key={index} spans={spans} width={width} />
      ))}
    </Box>
  );
}
