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
  // Another clerk's action shall not close what this one has open, nor lose what is being typed.
  const inputs = () => place.querySelectorAll<HTMLInputElement>("input[id]:not([type=checkbox])");
  const open = Array.from(place.querySelectorAll("details"), (details) => details.open);
  const typed = new Map(Array.from(inputs(), (input) => [input.id, input.value]));
  const focused = place.contains(document.activeElement) ? document.activeElement?.id : undefined;
  place.innerHTML = html;
  const details = place.querySelectorAll("details");
  // What there is to do has changed otherwise.
  if (details.length === open.length) details.forEach((one, at) => (one.open = open[at] ?? false));
  for (const input of inputs()) input.value = typed.get(input.id) ?? input.value;
  if (focused) document.getElementById(focused)?.focus();
}

/** As the browser writes what the server wrote. */
function asWritten(html: string): string {
  const element = document.createElement("div");
  element.innerHTML = html;
  return element.innerHTML;
}
