// Media time and the player's seconds, there and back.
import assert from "node:assert/strict";
import test from "node:test";
import { readSegments } from "../src/playlist.ts";
import { stretchesOf, toMediaMs, toSeconds } from "../src/timeline.ts";

const EPOCH_MS = Date.UTC(2026, 6, 23, 22, 30);
const segment = (start, mediaMs, duration = 2) => ({ start, duration, programDateTime: EPOCH_MS + mediaMs });
// Ten seconds, half a minute lost, four seconds, then a segment without a date.
const recording = [
  ...[0, 2, 4, 6, 8].map((start) => segment(start, start * 1000)),
  segment(10, 40_000),
  segment(12, 42_003),
  { start: 14, duration: 2, programDateTime: null },
];
const stretches = stretchesOf(recording, EPOCH_MS);

test("a gap begins a new stretch and a few milliseconds do not", () => {
  assert.deepEqual(stretches, [
    { startSeconds: 0, durationSeconds: 10, mediaMs: 0 },
    { startSeconds: 10, durationSeconds: 6, mediaMs: 40_000 },
  ]);
});

test("every second that exists is found again", () => {
  for (let seconds = 0; seconds < 16; seconds += 0.25) {
    assert.equal(toSeconds(stretches, toMediaMs(stretches, seconds)), seconds);
  }
});

test("a moment that does not exist leads to the next that does", () => {
  assert.equal(toSeconds(stretches, 25_000), 10);
  assert.equal(toSeconds(stretches, -5), 0);
  assert.equal(toSeconds(stretches, 9_999_999), 16);
  assert.equal(toSeconds([], 5), undefined);
  assert.equal(toMediaMs([], 5), undefined);
});

test("a playlist tells its gaps", () => {
  const playlist = [
    "#EXTM3U",
    "#EXT-X-MAP:URI=\"init.mp4\"",
    "#EXT-X-PROGRAM-DATE-TIME:2026-07-23T22:30:00.000Z",
    "#EXTINF:2.000000,",
    "1-0.m4s",
    "#EXTINF:1.5,\r",
    "1-1.m4s\r",
    "#EXT-X-DISCONTINUITY",
    "#EXT-X-PROGRAM-DATE-TIME:2026-07-23T22:31:00.000Z",
    "#EXTINF:2,",
    "2-0.m4s",
    "",
  ].join("\n");
  assert.deepEqual(stretchesOf(readSegments(playlist), EPOCH_MS), [
    { startSeconds: 0, durationSeconds: 3.5, mediaMs: 0 },
    { startSeconds: 3.5, durationSeconds: 2, mediaMs: 60_000 },
  ]);
  assert.deepEqual(readSegments("<html>not found</html>"), [{ start: 0, duration: 0, programDateTime: null }]);
});
