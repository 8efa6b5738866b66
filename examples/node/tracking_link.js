// Makes the link under which a customer follows a parcel, as the result of the handling.
'use strict';

const millrace = require('./millrace');

const carriers = {
  dhl: (code) => `https://www.dhl.com/track?tracking-id=${code}`,
  ups: (code) => `https://www.ups.com/track?tracknum=${code}`,
};

millrace.run(async (event) => {
  const { carrier, tracking_number: number } = event.data;
  const link = carriers[carrier];
  if (!link) {
    throw new millrace.Permanent(`nobody knows the carrier ${carrier}`);
  }
  return link(encodeURIComponent(number));
});
