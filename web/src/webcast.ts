// Sends camera and microphone to a room's recorder by WebRTC, called by WHIP (RFC 9725).

/** A council chamber in 720 lines. */
const MOST_BITS_PER_SECOND = 2_500_000;
/** All addresses of this computer are found within milliseconds; a broken network interface is not waited for. */
const GATHERED_WITHIN_MS = 2_000;
/** A connection that is lost may come back by itself for so long. */
const LOST_AFTER_MS = 4_000;
const RETRY_MS = 3_000;
const LEVEL_EVERY_MS = 100;
/** Nothing is heard of a microphone below this part of full scale. */
const SILENT = 0.01;

function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

const pause = (ms: number) => new Promise((done) => window.setTimeout(done, ms));

/** One connection to the recorder. */
class Call {
  private readonly peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  private address: string | undefined;
  private hangingUp = false;

  constructor(
    private readonly at: string,
    private readonly stream: MediaStream,
  ) {}

  /** Resolves once the recorder has answered. */
  async begin(): Promise<void> {
    for (const track of this.stream.getTracks()) {
      // The picture gets coarser on a bad line, not smaller.
      if (track.kind === "video") track.contentHint = "detail";
      const sends = this.peer.addTransceiver(track, {
        direction: "sendonly",
        streams: [this.stream],
        sendEncodings: track.kind === "video" ? [{ maxBitrate: MOST_BITS_PER_SECOND }] : [],
      });
      if (track.kind === "video") preferH264(sends);
    }
    await this.peer.setLocalDescription(await this.peer.createOffer());
    await this.gathered();
    const response = await fetch(this.at, {
      method: "POST",
      headers: { "content-type": "application/sdp", accept: "application/problem+json, application/sdp" },
      body: this.peer.localDescription?.sdp ?? "",
    });
    if (response.status !== 201) throw new Error(await problem(response));
    this.address = response.headers.get("location") ?? undefined;
    // Whoever pressed Stop meanwhile is gone.
    if (this.hangingUp) return this.hangUp();
    await this.peer.setRemoteDescription({ type: "answer", sdp: await response.text() });
  }

  /** Resolves once nothing arrives any more; `arrives` is told that it does. */
  async untilLost(arrives: () => void): Promise<void> {
    let lostAt: number | undefined;
    const begun = Date.now();
    while (!this.hangingUp) {
      const { connectionState } = this.peer;
      if (connectionState === "failed" || connectionState === "closed") return;
      if (connectionState === "connected") {
        lostAt = undefined;
        arrives();
      } else {
        lostAt ??= connectionState === "disconnected" ? Date.now() : begun + 4 * LOST_AFTER_MS;
        if (Date.now() - lostAt > LOST_AFTER_MS) return;
      }
      await pause(250);
    }
  }

  async replace(track: MediaStreamTrack): Promise<void> {
    const sender = this.peer.getSenders().find((other) => other.track?.kind === track.kind);
    await sender?.replaceTrack(track);
  }

  hangUp(): void {
    this.hangingUp = true;
    this.peer.close();
    // Also while the page is being left.
    if (this.address) fetch(this.address, { method: "DELETE", keepalive: true }).catch(() => undefined);
    this.address = undefined;
  }

  private async gathered(): Promise<void> {
    const deadline = Date.now() + GATHERED_WITHIN_MS;
    while (this.peer.iceGatheringState !== "complete" && Date.now() < deadline) await pause(20);
  }
}

/** It is recorded as it comes; anything else is encoded anew by the recorder. */
function preferH264(sends: RTCRtpTransceiver): void {
  const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const isH264 = ({ mimeType }: { mimeType: string }) => mimeType.toLowerCase() === "video/h264";
  const preferred = [...codecs.filter(isH264), ...codecs.filter((codec) => !isH264(codec))];
  if (codecs.some(isH264)) sends.setCodecPreferences?.(preferred);
}

async function problem(response: Response): Promise<string> {
  if (response.status === 401) return "You are no longer signed in. Sign in again in another window.";
  try {
    const { detail } = (await response.json()) as { detail?: string };
    if (detail) return detail;
  } catch {
    // Not from Moothall itself: a proxy in front has its own words.
  }
  return `The server answered with the status ${response.status}.`;
}

/** What the browser says of camera and microphone, in words that help. */
function refusal(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return "This page may not use camera and microphone. Allow it beside the address above, then reload the page.";
  if (name === "NotFoundError") return "There is no microphone. Connect one, then reload the page.";
  if (name === "NotReadableError") return "Camera or microphone is used by another program. Close that, then reload the page.";
  return `Camera and microphone cannot be used: ${String(error)}`;
}

class Webcast {
  private readonly picture = element<HTMLVideoElement>("picture");
  private readonly camera = element<HTMLSelectElement>("camera");
  private readonly microphone = element<HTMLSelectElement>("microphone");
  private readonly status = element("status");
  private readonly start = element<HTMLButtonElement>("start");
  private readonly stop = element<HTMLButtonElement>("stop");
  private stream = new MediaStream();
  private call: Call | undefined;
  private wanted = false;

  constructor(private readonly root: HTMLElement) {}

  async open(): Promise<void> {
    this.root.hidden = false;
    this.start.disabled = true;
    if (!navigator.mediaDevices) {
      return this.say("Browsers give camera and microphone only to pages with https. Open this page by its https address.");
    }
    try {
      await this.choose();
    } catch (error) {
      return this.say(refusal(error));
    }
    this.start.disabled = false;
    this.start.addEventListener("click", () => void this.send());
    this.stop.addEventListener("click", () => this.end());
    for (const choice of [this.camera, this.microphone]) choice.addEventListener("change", () => void this.change());
    window.addEventListener("pagehide", () => this.call?.hangUp());
    window.addEventListener("beforeunload", (event) => this.wanted && event.preventDefault());
    this.measure();
  }

  /** Takes what is chosen, or else what there is; the names of devices are known only afterwards. */
  private async choose(): Promise<void> {
    const audio = { deviceId: this.microphone.value || undefined, echoCancellation: false };
    const video = { deviceId: this.camera.value || undefined, width: 1280, height: 720, frameRate: 25 };
    const hasCamera = (await navigator.mediaDevices.enumerateDevices()).some(({ kind }) => kind === "videoinput");
    const wantsPicture = hasCamera && this.camera.value !== "none";
    const stream = await navigator.mediaDevices.getUserMedia({ audio, video: wantsPicture && video });
    this.stream.getTracks().forEach((track) => track.stop());
    this.stream = stream;
    this.picture.srcObject = stream;
    const devices = await navigator.mediaDevices.enumerateDevices();
    list(this.camera, devices.filter(({ kind }) => kind === "videoinput"), stream.getVideoTracks()[0], "No picture");
    list(this.microphone, devices.filter(({ kind }) => kind === "audioinput"), stream.getAudioTracks()[0]);
  }

  private async change(): Promise<void> {
    const hadPicture = this.stream.getVideoTracks().length > 0;
    try {
      await this.choose();
    } catch (error) {
      return this.say(refusal(error));
    }
    const hasPicture = this.stream.getVideoTracks().length > 0;
    // What was not offered at the beginning needs a call of its own, which follows by itself.
    if (hadPicture !== hasPicture) return this.call?.hangUp();
    for (const track of this.stream.getTracks()) await this.call?.replace(track);
  }

  private async send(): Promise<void> {
    this.wanted = true;
    this.start.hidden = true;
    this.stop.hidden = false;
    // Without it the computer may go to sleep in mid-meeting.
    navigator.wakeLock?.request("screen").catch(() => undefined);
    this.say("Calling the recorder…");
    while (this.wanted) {
      const call = new Call(this.root.dataset.call ?? "", this.stream);
      this.call = call;
      try {
        await call.begin();
        await call.untilLost(() => this.wanted && this.say("Sending. It arrives at the recorder."));
        if (this.wanted) this.say("The connection is lost. Calling again…");
      } catch (error) {
        if (this.wanted) this.say(`${error instanceof TypeError ? "The server cannot be reached." : (error as Error).message} Calling again…`);
      }
      call.hangUp();
      if (this.wanted) await pause(RETRY_MS);
    }
  }

  private end(): void {
    this.wanted = false;
    this.call?.hangUp();
    this.start.hidden = false;
    this.stop.hidden = true;
    this.say("Stopped. Nothing is sent.");
  }

  /** Shows that the microphone hears something, before anybody relies on it. */
  private measure(): void {
    const level = element<HTMLMeterElement>("level");
    const heard = element("heard");
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    const samples = new Float32Array(analyser.fftSize);
    let measured: MediaStream | undefined;
    window.setInterval(() => {
      if (measured !== this.stream) {
        measured = this.stream;
        context.createMediaStreamSource(measured).connect(analyser);
      }
      void context.resume();
      analyser.getFloatTimeDomainData(samples);
      const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      level.value = peak;
      if (peak > SILENT && heard.textContent === "") heard.textContent = "The microphone hears you.";
    }, LEVEL_EVERY_MS);
  }

  /** What is there already is not read out again. */
  private say(text: string): void {
    if (this.status.textContent !== text) this.status.textContent = text;
  }
}

function list(choice: HTMLSelectElement, devices: MediaDeviceInfo[], chosen: MediaStreamTrack | undefined, none?: string): void {
  const options = devices.map(({ deviceId, label }, at) => new Option(label || `${choice.id} ${at + 1}`, deviceId));
  if (none) options.push(new Option(none, "none"));
  choice.replaceChildren(...options);
  choice.value = chosen?.getSettings().deviceId ?? "none";
}

const webcast = document.querySelector<HTMLElement>("#webcast");
if (webcast) void new Webcast(webcast).open();
