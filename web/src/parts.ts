// A page of the console changes while one looks at it: the server sends the changed parts as they are to stand there.
const changing = document.querySelector<HTMLElement>("[data-events]");

if (changing?.dataset.events) {
  const events = new EventSource(changing.dataset.events);
  for (const name of changing.dataset.parts?.split(" ") ?? []) {
    events.addEventListener(name, (event: MessageEvent<string>) => show(name, event.data));
  }
}

function show(name: string, html: string): void {
  const place = document.getElementById(name);
  if (!place || place.dataset.shown === html) return;
  // The first is what stands there already; writing it anew would close what is open and lose what is typed.
  const isFirst = place.dataset.shown === undefined && place.innerHTML === asWritten(html);
  place.dataset.shown = html;
  if (isFirst) return;
  const wasOpen = place.querySelector("details")?.open ?? false;
  place.innerHTML = html;
  const details = place.querySelector("details");
  if (details && name !== "run") details.open = wasOpen;
}

/** As the browser writes what the server wrote. */
function asWritten(html: string): string {
  const element = document.createElement("div");
  element.innerHTML = html;
  return element.innerHTML;
}
