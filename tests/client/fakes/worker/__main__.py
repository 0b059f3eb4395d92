import sys

from tests.client.fakes import behaviour

behaviour.begin(sys.argv[1])
behaviour.wait_forever()
