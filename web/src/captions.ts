// The transcript as captions in the picture, switched on and off by the player's own control.
import type { Playback } from "./playback";
import type { Transcript } from "./transcript";

/** While a meeting is live its words come somewhat later than the picture: then the last ones stand longer. */
const LATE_SECONDS = 5;

/** Fills a caption track as the playlist tells where the captions belong. */
export function addCaptionTrack(playback: Playback, transcript: Transcript): void {
  const track = playback.media.addTextTrack("captions", "English", "en");
  const cues: VTTCue[] = [];
  const fill = () => {
    const captions = transcript.captions;
    // The last one may have grown since, or stands no longer as it is the last no more.
    for (let index = Math.max(0, cues.length - 1); index < captions.length; index++) {
      const caption = captions[index];
      const start = caption && playback.secondsAt(caption.startMs);
      const end = caption && playback.secondsAt(caption.endMs);
      if (!caption || start === undefined || end === undefined) return;
      const late = index === captions.length - 1 ? LATE_SECONDS : 0;
      const text = caption.element.textContent ?? "";
      let cue = cues[index];
      if (!cue) {
        cue = new VTTCue(start, end, text);
        cues.push(cue);
        track.addCue(cue);
      }
      cue.endTime = Math.max(start, end + late);
      if (cue.text !== text) cue.text = text;
    }
  };
  playback.media.addEventListener("timeupdate", fill);
}
