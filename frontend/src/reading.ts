/** Pages of testimony and documents: the player and the text in step with it. */
import { Player } from "./elements/player.ts";
import { Transcript } from "./elements/transcript.ts";

customElements.define("cairn-transcript", Transcript);
customElements.define("cairn-player", Player);
