// Makes elements. Content is text or other elements, never markup.
export function element(name, attributes = {}, content = []) {
  const made = document.createElement(name);
  for (const [each, value] of Object.entries(attributes)) made.setAttribute(each, value);
  made.append(...[content].flat().filter((part) => part !== "" && part !== null && part !== undefined));
  return made;
}
