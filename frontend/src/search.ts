/** The search page's filters. */
import { Facets } from "./elements/facets.ts";

customElements.define("cairn-facets", Facets);
