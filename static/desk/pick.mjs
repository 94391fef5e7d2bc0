// Names while one types, for fields that take another record: a list of suggestions, nothing more.
const PAUSE = 200;
let number = 0;

for (const input of document.querySelectorAll("input[data-names]")) {
  const list = document.createElement("datalist");
  list.id = `desk-names-${(number += 1)}`;
  input.after(list);
  input.setAttribute("list", list.id);
  let timer;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const text = input.value.trim();
      if (text.length < 2 || text.includes("·")) return;
      const address = new URL(input.dataset.names, window.location.href);
      address.searchParams.set("q", text);
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const { names } = await answer.json();
      list.replaceChildren(
        ...names.map((name) => {
          const option = document.createElement("option");
          option.value = name;
          return option;
        }),
      );
    }, PAUSE);
  });
}
