// Media time is wall-clock time since the recording began; a player counts only the seconds that exist.
// Where a cut or a lost connection leaves a gap, the two differ. A stretch is a run without a gap.

/** A run of media without a gap. */
export interface Stretch {
  /** Where it starts for the player, in seconds. */
  startSeconds: number;
  durationSeconds: number;
  /** Where it starts in media time, in milliseconds. */
  mediaMs: number;
}

/** What a playlist says about one segment. */
export interface Segment {
  start: number;
  duration: number;
  /** Milliseconds since 1970, from EXT-X-PROGRAM-DATE-TIME. */
  programDateTime: number | null;
}

/** Segments whose clock differs by less than this from the expected one belong to the same stretch. */
const TOLERANCE_MS = 100;

/** Joins the segments of a playlist into stretches; segments without a date count from the one before. */
export function stretchesOf(segments: readonly Segment[], epochMs: number): Stretch[] {
  const stretches: Stretch[] = [];
  for (const segment of segments) {
    const last = stretches[stretches.length - 1];
    const expectedMs = last ? last.mediaMs + (segment.start - last.startSeconds) * 1000 : 0;
    const mediaMs = segment.programDateTime === null ? expectedMs : segment.programDateTime - epochMs;
    if (last && Math.abs(mediaMs - expectedMs) < TOLERANCE_MS) {
      last.durationSeconds = segment.start + segment.duration - last.startSeconds;
    } else {
      stretches.push({ startSeconds: segment.start, durationSeconds: segment.duration, mediaMs });
    }
  }
  return stretches;
}

/** The media time, in milliseconds, of a place in the player; none while nothing is known. */
export function toMediaMs(stretches: readonly Stretch[], seconds: number): number | undefined {
  let found = stretches[0];
  for (const stretch of stretches) {
    if (stretch.startSeconds <= seconds) found = stretch;
  }
  return found && found.mediaMs + (seconds - found.startSeconds) * 1000;
}

/**
 * The place in the player, in seconds, of a media time. A time within a gap becomes the end of the gap,
 * a time before the beginning the beginning, and a time after the end the end.
 */
export function toSeconds(stretches: readonly Stretch[], mediaMs: number): number | undefined {
  for (const stretch of stretches) {
    const offset = (mediaMs - stretch.mediaMs) / 1000;
    if (offset < stretch.durationSeconds) return stretch.startSeconds + Math.max(0, offset);
  }
  const last = stretches[stretches.length - 1];
  return last && last.startSeconds + last.durationSeconds;
}
