// Reads just enough of HLS playlists (RFC 8216) to know where the recording has gaps before it is played.
import type { Segment } from "./timeline";

/** The segments of a media playlist, counted in the player's seconds from zero. */
export function readSegments(playlist: string): Segment[] {
  const segments: Segment[] = [];
  let start = 0;
  let duration = 0;
  let programDateTime: number | null = null;
  for (const line of playlist.split("\n").map((text) => text.trim())) {
    if (line.startsWith("#EXTINF:")) {
      duration = parseFloat(line.slice("#EXTINF:".length)) || 0;
    } else if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) {
      const date = Date.parse(line.slice("#EXT-X-PROGRAM-DATE-TIME:".length));
      programDateTime = Number.isNaN(date) ? null : date;
    } else if (line !== "" && !line.startsWith("#")) {
      segments.push({ start, duration, programDateTime });
      start += duration;
      programDateTime = null;
    }
  }
  return segments;
}

/** The segments of the first rendition that a master playlist names: all renditions have the same times. */
export async function fetchSegments(master: string): Promise<Segment[]> {
  const masterUrl = new URL(master, location.href);
  const first = (await fetchText(masterUrl)).split("\n").find((line) => line !== "" && !line.startsWith("#"));
  return first === undefined ? [] : readSegments(await fetchText(new URL(first.trim(), masterUrl)));
}

async function fetchText(url: URL): Promise<string> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname} answered ${response.status}`);
  return response.text();
}
