// SPDX-License-Identifier: Apache-2.0
// A gRPC C++ callback server of ModelInfer, as a careful engineer would write it: reactors, request
// and response messages reused from call to call (so that their strings keep their memory), the
// answer finished on the thread that brought the request.
//
// Laws: `Answer` is a callable Status(ModelInferRequest&, ModelInferResponse&); it may take the
// request's bytes for its own (swap), and is called from any of gRPC's threads at once.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/message_allocator.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "inference.grpc.pb.h"

namespace rivals {

using Request = inference::ModelInferRequest;
using Response = inference::ModelInferResponse;

// Request and response pairs in use again and again. Lives as long as the server.
class MessageStore final : public grpc::MessageAllocator<Request, Response> {
 public:
  class Pair final : public grpc::MessageHolder<Request, Response> {
   public:
    explicit Pair(MessageStore& store) : store_(store) {
      set_request(&request_);
      set_response(&response_);
    }

    void Release() override { store_.put_back(this); }

   private:
    friend class MessageStore;
    MessageStore& store_;
    Request request_;
    Response response_;
  };

  grpc::MessageHolder<Request, Response>* AllocateMessages() override {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) {
      pairs_.push_back(std::make_unique<Pair>(*this));
      idle_.push_back(pairs_.back().get());
    }
    Pair* pair = idle_.back();
    idle_.pop_back();
    return pair;
  }

 private:
  void put_back(Pair* pair) {
    pair->response_.Clear();  // the request is cleared by parsing
    const std::lock_guard lock(mutex_);
    idle_.push_back(pair);
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Pair>> pairs_;
  std::vector<Pair*> idle_;
};

template <class Answer>
class Service final : public inference::GRPCInferenceService::WithCallbackMethod_ModelInfer<
                          inference::GRPCInferenceService::Service> {
 public:
  explicit Service(Answer answer) : answer_(std::move(answer)) {
    this->SetMessageAllocatorFor_ModelInfer(&store_);
  }

  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext* context, const Request*,
                                       Response*) override {
    auto* pair = static_cast<MessageStore::Pair*>(context->GetRpcAllocatorState());
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(answer_(*pair->request(), *pair->response()));
    return reactor;
  }

 private:
  Answer answer_;
  MessageStore store_;
};

// What every answer begins with.
inline inference::ModelInferResponse_InferOutputTensor& begin_answer(const Request& request,
                                                                     Response& response) {
  response.set_model_name(request.model_name());
  response.set_model_version("1");
  response.set_id(request.id());
  auto& output = *response.add_outputs();
  output.set_name("OUTPUT0");
  output.set_datatype("FP32");
  return output;
}

// Serves until killed. `port` 0: any free one; prints "listening on PORT".
template <class Answer>
int serve(int port, Answer answer) {
  Service<Answer> service(std::move(answer));
  grpc::ServerBuilder builder;
  int bound = 0;
  builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                           &bound);
  builder.SetMaxReceiveMessageSize(-1);
  builder.SetMaxSendMessageSize(-1);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || bound == 0) {
    std::fprintf(stderr, "cannot listen on port %d\n", port);
    return 1;
  }
  std::printf("listening on %d\n", bound);
  std::fflush(stdout);
  server->Wait();
  return 0;
}

}  // namespace rivals
