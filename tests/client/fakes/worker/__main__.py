import sys

import behaviour

behaviour.begin(sys.argv[1])
behaviour.wait_forever()
