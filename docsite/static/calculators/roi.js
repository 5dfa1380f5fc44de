// What moving here costs and saves, in your own figures: none of ours is assumed but the price. Pure.

/**
 * `{billNow, billHere, hoursNow, hoursHere, hourCosts, hoursToMove}`: dollars a month, hours of work a month, dollars an
 * hour, hours once. Gives {monthly, once, paybackMonths, firstYear, returned}: what each month saves, what moving costs,
 * after how many months that is back (null: never), what is left after a year, and that as a share of what moving costs
 * (null where moving costs nothing).
 */
export function roi({ billNow, billHere, hoursNow, hoursHere, hourCosts, hoursToMove }) {
  const monthly = billNow - billHere + (hoursNow - hoursHere) * hourCosts;
  const once = hoursToMove * hourCosts;
  const firstYear = 12 * monthly - once;
  return {
    monthly,
    once,
    paybackMonths: once === 0 ? 0 : monthly > 0 ? once / monthly : null,
    firstYear,
    returned: once === 0 ? null : firstYear / once,
  };
}
