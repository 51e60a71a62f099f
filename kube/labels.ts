import type { LabelRequirement, LabelSelector } from "./objects.ts";

type Labels = Readonly<Record<string, string>>;

/**
 * Whether a metav1.LabelSelector takes these labels. A missing selector takes nothing, an empty one everything: that is
 * how PodDisruptionBudgets (policy/v1), workloads and NetworkPolicies mean it.
 */
export function selects(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  return selector !== undefined && requirementsOf(selector).every((requirement) => meets(requirement, labels ?? {}));
}

/** Whether the plain map of a Service or a nodeSelector is contained in the labels. An empty map is contained in all. */
export function hasLabels(wanted: Labels, labels: Labels | undefined): boolean {
  return Object.entries(wanted).every(([key, value]) => labels?.[key] === value);
}

/** The text form of a selector, as list and watch take it: "app=web,tier notin (a,b),!canary". */
export function selectorText(selector: LabelSelector): string {
  return requirementsOf(selector).map(requirementText).join(",");
}

/** Reads the text form. Throws SyntaxError on what kubectl -l would not take either. */
export function parseSelector(text: string): LabelSelector {
  const matchExpressions = splitOutsideParentheses(text).map(parseRequirement);
  return { matchExpressions };
}

function requirementsOf(selector: LabelSelector): LabelRequirement[] {
  const equalities = Object.entries(selector.matchLabels ?? {});
  const fromLabels = equalities.map(([key, value]): LabelRequirement => ({ key, operator: "In", values: [value] }));
  return [...fromLabels, ...(selector.matchExpressions ?? [])];
}

function meets({ key, operator, values = [] }: LabelRequirement, labels: Labels): boolean {
  return holds(operator, Object.hasOwn(labels, key) ? labels[key] : undefined, values);
}

/**
 * One requirement of a label selector or a node affinity, whose Gt and Lt compare whole numbers. NotIn is met by an object
 * without the key, as the API server has it; an operator there is not is met by none.
 */
export function holds(operator: string, value: string | undefined, values: readonly string[]): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return value !== undefined && Number(value) > Number(values[0]);
    case "Lt":
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

function requirementText({ key, operator, values = [] }: LabelRequirement): string {
  const single = values.length === 1 ? values[0] : undefined;
  switch (operator) {
    case "In":
      return single === undefined ? `${key} in (${values.join(",")})` : `${key}=${single}`;
    case "NotIn":
      return single === undefined ? `${key} notin (${values.join(",")})` : `${key}!=${single}`;
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
  }
}

function splitOutsideParentheses(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part, _, all) => part !== "" || all.length > 1);
}

const keyPattern = "[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?(?:/[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?";
const valuePattern = "(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?";
const setForm = new RegExp(`^(${keyPattern})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const equalForm = new RegExp(`^(${keyPattern})\\s*(==|=|!=)\\s*(${valuePattern})$`);
const existsForm = new RegExp(`^(!?)\\s*(${keyPattern})$`);

function parseRequirement(text: string): LabelRequirement {
  const set = setForm.exec(text);
  if (set !== null) {
    const values = (set[3] ?? "").split(",").map((value) => value.trim());
    if (!values.every((value) => new RegExp(`^${valuePattern}$`).test(value))) throw notASelector(text);
    return { key: set[1] ?? "", operator: set[2] === "in" ? "In" : "NotIn", values };
  }
  const equal = equalForm.exec(text);
  if (equal !== null)
    return { key: equal[1] ?? "", operator: equal[2] === "!=" ? "NotIn" : "In", values: [equal[3] ?? ""] };
  const exists = existsForm.exec(text);
  if (exists !== null) return { key: exists[2] ?? "", operator: exists[1] === "!" ? "DoesNotExist" : "Exists" };
  throw notASelector(text);
}

function notASelector(text: string): SyntaxError {
  return new SyntaxError(`not a label selector: "${text}"; give key=value, key!=value, key in (a,b), key or !key`);
}
