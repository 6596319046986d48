// Elements as data, and the document made like them. What is already there stays, so that focus and what somebody
// types survive an update. Nothing is ever parsed as HTML, and no style attribute is written: the policy forbids both.

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["disabled", "hidden", "checked", "open"]);

/** An element: `h("p", {class: "soft"}, "words", other)`. `key` says which one it is among its siblings. */
export const h = (tag, props, ...kids) => ({
  tag, props: props ?? {}, kids: kids.flat(3).filter((kid) => kid !== null && kid !== undefined && kid !== false && kid !== ""),
});

/** Make the children of `parent` like `kids`. */
export function patch(parent, kids) {
  const focused = document.activeElement;
  children(parent, [kids].flat(3).filter(Boolean), parent.namespaceURI);
  if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

function children(parent, kids, space) {
  const held = new Map();
  for (const node of parent.childNodes) if (node.given !== undefined) held.set(node.given, node);
  let next = parent.firstChild;
  kids.forEach((kid, index) => {
    const given = name(kid, index);
    const found = held.get(given);
    held.delete(given);
    const node = found ?? made(kid, given, space);
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
    like(node, kid);
  });
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

const name = (kid, index) => typeof kid === "object" ? `${kid.tag} ${kid.props.key ?? `at ${index}`}` : `words ${index}`;

function made(kid, given, space) {
  const own = kid.tag === "svg" ? SVG : space;
  const node = typeof kid === "object" ? document.createElementNS(own, kid.tag) : document.createTextNode("");
  node.given = given;
  return node;
}

function like(node, kid) {
  if (typeof kid !== "object") {
    if (node.data !== String(kid)) node.data = String(kid);
    return;
  }
  const before = node.props ?? {};
  for (const key of Object.keys(before)) if (!(key in kid.props)) set(node, key, undefined);
  for (const [key, value] of Object.entries(kid.props)) if (before[key] !== value) set(node, key, value);
  node.props = kid.props;
  if (!kid.props.foreign) children(node, kid.kids, node.namespaceURI);
}

function set(node, key, value) {
  if (key === "key" || key === "foreign") return;
  if (key.startsWith("on")) node[key] = value ?? null;
  else if (PROPERTIES.has(key)) node[key] = Boolean(value);
  else if (value === undefined || value === null || value === false) node.removeAttribute(key);
  else node.setAttribute(key, value === true ? "" : String(value));
}
