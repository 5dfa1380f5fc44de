// Refuses what a tenant's grant does not allow, and says where more of it can be had. A tenant without one is active, and
// nothing limits it.

import { Refusal } from "./errors.js";

const HINT = "Nothing was deleted. Ask whoever runs this database; it is lifted within seconds.";

// `changes`: the request changes something. What a tenant is being told comes before what its key may do.
export function requireTenant({ grant }, changes) {
  if (grant?.status === "suspended") {
    throw new Refusal(403, "tenant_suspended", "The tenant that this key belongs to is suspended.", { hint: HINT });
  }
  if (changes && grant?.status === "read_only") {
    const message = "The tenant that this key belongs to may read, and change nothing.";
    throw new Refusal(403, "tenant_read_only", message, { hint: HINT });
  }
}
