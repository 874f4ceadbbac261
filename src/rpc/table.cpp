#include "rpc/table.h"

#include <algorithm>
#include <vector>

namespace daidd::rpc {
namespace {

std::vector<const Method*> join() {
    std::vector<const Method*> all;
    for (const auto rows :
         {blockchain_methods(), control_methods(), job_methods(), mempool_methods(), mining_methods(),
          network_methods(), seal_methods(), submit_methods(), transaction_methods(), util_methods(),
          wallet_methods(), wallet_transaction_methods()}) {
        for (const Method& method : rows) all.push_back(&method);
    }
    std::ranges::sort(all, [](const Method* a, const Method* b) {
        return std::pair{a->category, a->name} < std::pair{b->category, b->name};
    });
    return all;
}

struct Missing {
    std::string_view what;
    std::string_view names;  ///< between blanks
};

/// Methods of Bitcoin Core's and of ours that later versions will have.
constexpr Missing kMissing[] = {
    {"partially signed transactions",
     " walletcreatefundedpsbt walletprocesspsbt psbtbumpfee createpsbt decodepsbt analyzepsbt combinepsbt"
     " finalizepsbt joinpsbts utxoupdatepsbt converttopsbt descriptorprocesspsbt "},
    {"building and signing transactions by hand",
     " createrawtransaction combinerawtransaction fundrawtransaction signrawtransactionwithwallet"
     " signrawtransactionwithkey decodescript sendmany send sendall "},
    {"replacing a fee", " bumpfee prioritisetransaction "},
    {"fee estimates", " estimatesmartfee estimaterawfee "},
    {"packages of transactions",
     " submitpackage getmempoolancestors getmempooldescendants gettxspendingprevout "},
    {"proofs and statistics of the coin set",
     " gettxoutsetinfo gettxoutproof verifytxoutproof scantxoutset getblockstats getchaintxstats getindexinfo"
     " getblockfilter scanblocks "},
    {"snapshots and pruning", " dumptxoutset loadtxoutset pruneblockchain "},
    {"block templates for other miners",
     " getblocktemplate getwork submitseal generateblock submitheader preciousblock getnetworkhashps "},
    {"bans and address exchange",
     " setban listbanned clearbanned getnodeaddresses getnettotals getaddednodeinfo ping "},
    {"notifications", " getzmqnotifications waitfornewblock waitforblock waitforblockheight "},
    {"labels", " setlabel listlabels getaddressesbylabel getreceivedbylabel listreceivedbylabel "},
    {"wallet files",
     " loadwallet unloadwallet listwalletdir backupwallet restorewallet importdescriptors listdescriptors"
     " rescanblockchain migratewallet createwalletdescriptor "},
    {"wallet encryption", " encryptwallet walletpassphrase walletlock walletpassphrasechange "},
    {"more wallet queries",
     " getrawchangeaddress listsinceblock lockunspent listlockunspent getreceivedbyaddress "
     "listreceivedbyaddress"
     " listaddressgroupings abandontransaction simulaterawtransaction keypoolrefill "},
    {"signed messages", " signmessage verifymessage signmessagewithprivkey "},
    {"descriptors", " getdescriptorinfo deriveaddresses createmultisig "},
    {"saving the mempool", " savemempool importmempool "},
    {"logging by category", " logging getmemoryinfo rpc.discover "},
    {"several models", " listmodels "},
    {"payment channels", " opensession listsessions closesession "},
    {"the worker register", " registerworker listworkers "},
    {"decisions of the treasury", " listactions replayaction vetoaction listbounties claimbounty "},
    {"registered data", " listdata offerdata "},
    {"contracts", " deploycontract callcontract getcontract "},
    {"disputes", " getdisputes "},
};

}  // namespace

std::span<const Method* const> methods() {
    static const std::vector<const Method*> all = join();
    return all;
}

const Method* find_method(std::string_view name) {
    for (const Method* method : methods()) {
        if (method->name == name) return method;
    }
    return nullptr;
}

std::optional<std::string_view> why_missing(std::string_view name) {
    if (name.empty() || name.find(' ') != std::string_view::npos) return std::nullopt;
    const std::string delimited = " " + std::string{name} + " ";
    for (const Missing& missing : kMissing) {
        if (missing.names.find(delimited) != std::string_view::npos) return missing.what;
    }
    return std::nullopt;
}

}  // namespace daidd::rpc
