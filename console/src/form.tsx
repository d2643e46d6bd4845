// A form made from the JSON schema of a walker's fields.

import type { Signal } from "@preact/signals";

export interface Schema {
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  $ref?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  $defs?: Record<string, Schema>;
}

export type Texts = Record<string, string>; // what stands in each field

function resolved(schema: Schema, root: Schema): Schema {
  if (schema.$ref) return { ...root.$defs?.[schema.$ref.split("/").at(-1)!], ...schema, $ref: "" };
  const other = schema.anyOf?.filter((one) => one.type !== "null") ?? [];
  return other.length === 1 ? { ...resolved(other[0]!, root), ...schema, anyOf: [] } : schema;
}

/** The value of a text for its schema. Throws a SyntaxError for JSON that cannot be read. */
function valueOf(text: string, schema: Schema): unknown {
  if (schema.enum) return schema.enum.find((one) => String(one) === text) ?? text;
  return schema.type === "string" ? text : JSON.parse(text);
}

/** The fields that are filled in. Throws an Error that names the first that cannot be read, or is missing. */
export function valuesOf(root: Schema, texts: Texts): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(root.properties ?? {})) {
    const schema = resolved(given, root);
    const text = texts[name] ?? "";
    const isNeeded = root.required?.includes(name) ?? false;
    if (!text && !(isNeeded && schema.type === "string" && !schema.enum)) {
      if (isNeeded) throw new Error(`${name} is needed`);
      continue;
    }
    try {
      values[name] = valueOf(text, schema);
    } catch {
      throw new Error(`${name} is not valid JSON`);
    }
  }
  return values;
}

export function Form(props: { schema: Schema; texts: Signal<Texts> }) {
  const { schema: root, texts } = props;
  const fields = Object.entries(root.properties ?? {});
  if (!fields.length) return <p class="empty">This walker has no fields.</p>;
  return (
    <>
      {fields.map(([name, given]) => {
        const schema = resolved(given, root);
        const isNeeded = root.required?.includes(name);
        const value = texts.value[name] ?? "";
        const put = (text: string) => (texts.value = { ...texts.value, [name]: text });
        const hint = given.default === undefined ? "" : JSON.stringify(given.default);
        return (
          <label class="field" key={name}>
            <span>
              {name}
              {isNeeded ? " *" : ""} <em>{kindOf(schema)}</em>
            </span>
            {schema.enum || schema.type === "boolean" ? (
              <select value={value} onChange={(event) => put(event.currentTarget.value)}>
                <option value="">{hint ? `default: ${hint}` : "–"}</option>
                {(schema.enum ?? [true, false]).map((one) => (
                  <option key={String(one)} value={String(one)}>
                    {String(one)}
                  </option>
                ))}
              </select>
            ) : schema.type === "number" || schema.type === "integer" ? (
              <input type="number" step={schema.type === "integer" ? 1 : "any"} value={value} placeholder={hint} onInput={(event) => put(event.currentTarget.value)} />
            ) : schema.type === "string" ? (
              <input value={value} placeholder={hint} spellcheck={false} onInput={(event) => put(event.currentTarget.value)} />
            ) : (
              <textarea rows={2} class="mono" value={value} placeholder={hint || "JSON"} spellcheck={false} onInput={(event) => put(event.currentTarget.value)} />
            )}
            {given.description && <small>{given.description}</small>}
          </label>
        );
      })}
    </>
  );
}

const kindOf = (schema: Schema): string => (schema.enum ? "one of" : schema.type ?? "JSON");
