// The fields of a message that is published.
import { element, field, select } from "./dom.js";

const ENCODINGS = [["json", "JSON"], ["text", "Text"], ["base64", "Base64 of bytes"]];

/**
 * Returns the fields. `id` is the id of the field for the data, which has the focus in a dialog if `isFocused`. `fill` takes
 * `{data: {encoding, text}, attributes, orderingKey}`, and `value` returns the fields of the interface, or throws an error.
 */
export function messageFields(id, isFocused = false) {
  const data = element("textarea", { id, spellcheck: "false", autocomplete: "off", autofocus: isFocused });
  data.value = "{}";
  const encoding = select(ENCODINGS);
  const orderingKey = element("input", { autocomplete: "off", maxlength: "1024" });
  const rows = element("div");
  const add = element("button", { type: "button", text: "Add an attribute", onclick: () => attributeRow(rows).focus() });
  return {
    encoding: field("Data is", encoding),
    nodes: [
      field("Data", data),
      element("fieldset", {}, element("legend", { text: "Attributes" }), rows, element("p", {}, add)),
    ],
    orderingKey: field("Ordering key", orderingKey, { wide: true, hint: "Empty for none" }),
    fill(message) {
      encoding.value = message.data.encoding === "base64" ? "base64" : isJson(message.data.text) ? "json" : "text";
      data.value = message.data.text;
      orderingKey.value = message.orderingKey;
      rows.replaceChildren();
      for (const [key, value] of Object.entries(message.attributes)) attributeRow(rows, key, value);
    },
    value() {
      const pairs = [...rows.children].map((row) => [...row.querySelectorAll("input")].map((input) => input.value)).filter(([key, value]) => key || value);
      const twice = pairs.find(([key], place) => pairs.findIndex(([other]) => other === key) < place);
      if (twice) throw new Error(`the attribute ${JSON.stringify(twice[0])} is there twice`);
      // Own properties, whatever their names.
      return { data: data.value, encoding: encoding.value, attributes: Object.fromEntries(pairs), orderingKey: orderingKey.value };
    },
  };
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function attributeRow(rows, name = "", content = "") {
  const key = element("input", { autocomplete: "off", maxlength: "256" }), value = element("input", { autocomplete: "off", maxlength: "1024" });
  key.value = name;
  value.value = content;
  const row = element("div", { class: "row" }, field("Key", key, { wide: true }), field("Value", value, { wide: true }),
    element("button", { type: "button", text: "Remove", "aria-label": "Remove this attribute", onclick: () => { row.remove(); } }));
  rows.append(row);
  return key;
}
